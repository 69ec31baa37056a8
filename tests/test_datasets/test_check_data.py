"""tools/data/check_data.py finds what is wrong and goes on."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.test_datasets.media import make_epic, make_hac


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location('check_data', ROOT / 'tools' / 'data' / 'check_data.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_good_folder(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    make_hac(tmp_path, count=10, with_flow=True)
    arguments = ['hac', str(tmp_path), '--splits', str(tmp_path / 'splits'), '--decode', '--any-count']
    assert tool.main([*arguments, '--modalities', 'video', 'audio', 'flow']) == 0
    assert 'all is well' in capsys.readouterr().out


@pytest.mark.parametrize('layout', ['frames', 'clips'])
def test_epic_layouts(tool: ModuleType, tmp_path: Path, layout: str) -> None:
    make_epic(tmp_path, layout)
    arguments = ['epic', str(tmp_path), '--splits', str(tmp_path / 'splits'), '--layout', layout]
    assert tool.main([*arguments, '--decode', '--any-count']) == 0
    assert tool.main(arguments) == 1, 'one row is not 1543'


def test_all_faults_are_reported(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    make_hac(tmp_path, ('a', 'b', 'c'), count=10)
    (tmp_path / 'human' / 'videos' / 'ha.mp4').write_bytes(b'rubbish')
    (tmp_path / 'animal' / 'audio' / 'ab.wav').unlink()
    (tmp_path / 'splits' / 'HAC_test_only_cartoon.csv').write_bytes(b'ca.mp4,9\r\n')
    report = tmp_path / 'report.json'
    assert tool.main(['hac', str(tmp_path), '--decode', '--any-count', '--json', str(report)]) == 1
    splits = {(part['domain'], part['split']): part for part in json.loads(report.read_text())['splits']}
    assert [len(splits['human', 'train'][key]) for key in tool.FINDINGS] == [0, 0, 1]
    assert 'ha.mp4' in splits['human', 'train']['unreadable'][0]
    assert splits['animal', 'train']['missing'] == [str(tmp_path / 'animal' / 'audio' / 'ab.wav')]
    assert 'label 9' in splits['cartoon', 'test']['problems'][0]
    assert '3 things are wrong' in capsys.readouterr().out


def test_unknown_domain(tool: ModuleType) -> None:
    with pytest.raises(SystemExit, match="the domains of hac are"):
        tool.main(['hac', '.', '--domains', 'D1'])
