"""tools/data/check_data.py finds what is wrong and goes on."""

import csv
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mmda_ext.datasets.video_file import VideoFile
from tests.conftest import ROOT
from tests.test_datasets.media import damage_frame, make_epic, make_hac, ramp_wave, write_wave
from tests.test_datasets.recordings import make_recordings, write_table


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
    assert [len(splits['human', 'train'][key]) for key in tool.FINDINGS] == [0, 0, 1, 0]
    assert 'ha.mp4' in splits['human', 'train']['unreadable'][0]
    assert splits['animal', 'train']['missing'] == [str(tmp_path / 'animal' / 'audio' / 'ab.wav')]
    assert 'label 9' in splits['cartoon', 'test']['problems'][0]
    assert '3 things are wrong' in capsys.readouterr().out


def test_sound_that_is_cut_or_short(tool: ModuleType, tmp_path: Path) -> None:
    make_hac(tmp_path, ('a', 'b', 'c'), count=40)
    whole = tmp_path / 'human' / 'audio' / 'ha.wav'
    whole.write_bytes(whole.read_bytes()[:whole.stat().st_size // 10])
    write_wave(tmp_path / 'human' / 'audio' / 'hb.wav', ramp_wave(.5))
    report = tmp_path / 'report.json'
    arguments = ['hac', str(tmp_path), '--any-count', '--domains', 'human', '--json', str(report), '--decode']
    assert tool.main(arguments) == 1
    found = json.loads(report.read_text())['splits'][0]
    assert (len(found['unreadable']), len(found['shortened'])) == (1, 1)
    assert 'ha.wav: the sound file is truncated' in found['unreadable'][0]
    assert 'hb.wav: 0.50 s of sound beside pictures that end at 1.67 s' in found['shortened'][0]


def test_holes_between_the_first_and_the_last_frame(tool: ModuleType, tmp_path: Path) -> None:
    """Segment 10 to 100: holes of pictures at 20 and 21, of flow at 30, and sound that ends within the segment."""
    make_epic(tmp_path, with_flow=True)
    for number in (20, 21):
        (tmp_path / 'rgb' / 'train' / 'D1' / 'P08_01' / f'frame_{number:010d}.jpg').unlink()
    (tmp_path / 'flow' / 'train' / 'D2' / 'P01_01' / 'v' / f'frame_{30:010d}.jpg').write_bytes(b'rubbish')
    write_wave(tmp_path / 'rgb' / 'test' / 'D1' / 'P08_01.wav', ramp_wave(2.))
    report = tmp_path / 'report.json'
    arguments = ['epic', str(tmp_path), '--splits', str(tmp_path / 'splits'), '--any-count', '--json', str(report)]
    arguments += ['--modalities', 'video', 'flow', 'audio', '--decode']

    def wrong() -> dict[str, list[str]]:
        splits = json.loads(report.read_text())['splits']
        return {f'{part["domain"]} {part["split"]}': part['unreadable'] + part['shortened'] for part in splits}

    assert tool.main(arguments) == 1
    assert {name for name, found in wrong().items() if found} == {'D1 test'}
    assert 'does not fill the stretch from 1.0 s to 2.5 s (shortened)' in wrong()['D1 test'][0]
    assert tool.main([*arguments, '--all-frames']) == 1
    assert {name for name, found in wrong().items() if found} == {'D1 train', 'D2 train', 'D1 test'}
    assert re.search(r'2 of the images 10 to 99 are missing or cannot be read.*frame_0000000020.jpg',
                     wrong()['D1 train'][0])
    assert '1 of the images 5 to 49' in wrong()['D2 train'][0]


def test_all_frames_of_files(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_hac(tmp_path, ('a', 'b'), with_flow=True, count=80)
    arguments = ['hac', str(tmp_path), '--any-count', '--domains', 'human', '--modalities', 'video', 'flow', '--decode']
    walks, walk = [], VideoFile.walk
    monkeypatch.setattr(VideoFile, 'walk', lambda self, wanted: walks.append(list(wanted)) or walk(self, wanted))
    assert tool.main(arguments) == 0
    assert list(range(80)) not in walks
    walks.clear()
    assert tool.main([*arguments, '--all-frames']) == 0
    assert walks == [list(range(80))] * 6, 'two samples of three files'
    for name in ('flow/ha_flow_y.mp4', 'videos/ha.mp4'):
        damage_frame(tmp_path / 'human' / name, 40)
        assert tool.main([*arguments, '--all-frames']) == 1


def test_all_faults_of_a_table(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A missing file, unreadable ones of each kind, segments over an end, and a row that says nothing."""
    rows = list(csv.DictReader(make_recordings(tmp_path, 1).read_text().splitlines()))
    path = write_table(tmp_path / 'own.csv', rows)
    report = tmp_path / 'report.json'
    assert tool.main(['table', str(path), '--decode', '--all-frames']) == 0
    said = capsys.readouterr().out
    assert 'siteB    all        2 samples' in said
    assert '    of each class: clap 1, wave 1' in said
    rows = [row | dict(start='', stop='', sensor_rate='20') for row in rows]
    rows[0].update(start='0.5', stop='3')
    rows[1].update(start='5', stop='6')
    rows[2].update(start='2', stop='1')
    rows[5]['label'] = 'clap'
    write_table(path, rows)
    (tmp_path / 'sound' / '003.wav').unlink()
    (tmp_path / 'video' / '004.mp4').write_bytes(b'rubbish')
    np.save(tmp_path / 'sensor' / '005.npy', np.ones((4, 2)))
    assert tool.main(['table', str(path), '--decode', '--json', str(report)]) == 1
    table, *domains = json.loads(report.read_text())['splits']
    assert [fault.split(': ')[1] for fault in table['problems']] == ['start=2 s is not before stop=1 s']
    found = {part['domain']: {key: len(part[key]) for key in ('missing', 'unreadable', 'shortened')}
             for part in domains}
    assert found['siteA'] == dict(missing=0, unreadable=2, shortened=4), 'both files of line 3; three of line 2, sound'
    assert found['siteC'] == dict(missing=0, unreadable=2, shortened=0)
    assert domains[1]['missing'] == [str(tmp_path / 'sound' / '003.wav')]
    assert domains[2]['classes'] == dict(clap=2, wave=0)
    assert tool.main(['table', str(path), '--media', str(tmp_path), '--modalities', 'text', '--domains', 'siteC']) == 1
    with pytest.raises(SystemExit, match='--domains x: the domains of .*own.csv are'):
        tool.main(['table', str(path), '--domains', 'x'])
    path.write_text('label\n')
    assert tool.main(['table', str(path)]) == 1
    assert "columns ['domain'] are missing" in capsys.readouterr().out


def test_unknown_domain(tool: ModuleType) -> None:
    with pytest.raises(SystemExit, match="the domains of hac are"):
        tool.main(['hac', '.', '--domains', 'D1'])
