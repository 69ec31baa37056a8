"""MMAction2's own tools on a recognizer with two inputs, or what takes their place, as docs/analysis.md tells."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.logging import HistoryBuffer
from mmengine.registry import DefaultScope, init_default_scope

from mmda_ext.datasets.transforms import PackMultimodalInputs, PerModality
from mmda_ext.registry import MODELS
from mmda_ext.visualization.inputs import strip
from tests.conftest import ROOT
from tests.recipes import METHODS
from tests.recipes import recipe as shipped
from tests.test_datasets.media import make_hac
from tests.tiny import model_of

sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'tools' / 'analysis')]
import browse_dataset
import get_flops
import run_mmaction

PAGE = (ROOT / 'docs' / 'analysis.md').read_text()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A data set in the HAC layout, the config of a run on it, and a checkpoint with random weights."""
    scope = DefaultScope.get_current_instance()
    path = tmp_path_factory.mktemp('analysis')
    make_hac(path / 'hac', count=40)
    cfg = shipped('gmp', 'demo')
    places = dict(ann_dir=str(path / 'hac' / 'splits'), data_root=str(path / 'hac'))
    for part in ('train', 'test'):
        cfg[f'{part}_dataloader'].update(num_workers=0)
        cfg[f'{part}_dataloader'].dataset.update(places)
    cfg.work_dir = str(path / 'run')
    cfg.dump(path / 'recipe.py')
    init_default_scope('mmaction')
    torch.manual_seed(0)
    # As MMEngine writes it: with more than tensors.
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': {},
                'message_hub': {'log_scalars': {'loss': HistoryBuffer([1.], [1])}}}, path / 'best.pth')
    yield path
    if scope is None:
        DefaultScope._instance_dict.clear()


@pytest.fixture
def call(monkeypatch):
    def run(name, *argv):
        monkeypatch.setattr(sys, 'argv', ['run_mmaction.py', name, *map(str, argv)])
        run_mmaction.main()

    return run


@pytest.mark.slow
def test_confusion_matrix(folder):
    # A process of its own, as the script shuts the logging of its process down.
    command = ['tools/run_mmaction.py', 'analysis_tools/confusion_matrix.py', folder / 'recipe.py', folder / 'best.pth',
               '--out', folder / 'matrix.pkl', '--show-path', folder / 'matrix.png']
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    matrix = load(folder / 'matrix.pkl')
    assert matrix.shape == (5, 5)
    assert matrix.sum(1).tolist() == [2, 0, 0, 0, 0]
    assert (folder / 'matrix.png').stat().st_size > 1000


@pytest.mark.parametrize('name', sorted(run_mmaction.REPLACED))
def test_what_is_replaced_says_by_what(call, name):
    with pytest.raises(SystemExit, match=rf'error: x/{name} takes models with one input: use python tools/\w+'):
        call(f'x/{name}')
    place = run_mmaction.REPLACED[name].split()[1]
    assert (ROOT / place).is_file()
    assert place in PAGE


def test_unknown_scripts_are_answered_with_the_known_ones(call, capsys):
    with pytest.raises(FileNotFoundError, match='x.py is no script.*analysis_tools/confusion_matrix.py'):
        call('x.py')
    call('--help')
    assert 'confusion_matrix.py' in capsys.readouterr().out
    for name in re.findall(r'run_mmaction.py ([a-z]\w+/\w+\.py)', PAGE + run_mmaction.__doc__):
        assert run_mmaction.find(name).is_file()


def test_scripts_of_mmaction_get_a_recipe_as_one_whole_config(tmp_path):
    """They know no flags of data; what is no recipe is left alone."""
    words = ['--show', str(METHODS / 'gmp.py'), '--dataset', 'demo', '--target', 'animal', '--options', 'x']
    given = run_mmaction.composed(words, tmp_path)
    assert given == ['--show', str(tmp_path / 'gmp_demo_to-animal.py'), '--options', 'x']
    assert Config.fromfile(given[1]).test_dataloader.dataset.domains == ('animal', )
    assert run_mmaction.composed(['a.py', '--target', 'b'], tmp_path) == ['a.py', '--target', 'b']


def test_code_of_the_page_predicts(folder, monkeypatch):
    code = re.search(r'```python\n(.*?)```', PAGE, flags=re.S).group(1)
    for written, place in [('work_dirs/NAME/NAME.py', 'recipe.py'), ('work_dirs/NAME/best.pth', 'best.pth'),
                           ('clip.mp4', 'hac/human/videos/ha.mp4'), ('clip.wav', 'hac/human/audio/ha.wav')]:
        assert written in code
        code = code.replace(written, place)
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    sample = names['sample']
    assert sample.pred_score.shape == (5, )
    assert sample.pred_score.sum().item() == pytest.approx(1)
    assert set(sample.modality_scores) == {'video', 'audio'}
    with pytest.raises(ValueError, match='no `modalities`: MMAction2Inf.*inference_recognizer.*docs/analysis.md'):
        names['inference_recognizer'](names['model'], 'hac/human/videos/ha.mp4')


@pytest.mark.parametrize('transform', [PerModality(video=[]), PackMultimodalInputs()])
def test_a_file_alone_is_no_sample(transform):
    with pytest.raises(ValueError, match=r"the sample has \['filename'\] and no `modalities`"):
        transform(dict(filename='a.mp4'))


def test_browse_dataset(folder, capsys):
    browse_dataset.main([str(folder / 'recipe.py'), str(folder / 'pictures'), '--number', '1'])
    (written, ) = capsys.readouterr().out.splitlines()
    assert written == str(folder / 'pictures' / 'animal_aa.png')
    assert Path(written).stat().st_size > 1000


def test_strip_shows_the_first_and_the_last_frame():
    clip = np.arange(10).reshape(1, 1, 10, 1, 1) * np.ones((2, 3, 1, 2, 4))
    picture = strip(clip)
    assert picture.shape == (2, 8 * 4, 3)
    assert picture[0, ::4, 0].tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    flow = strip(np.stack([clip[:, 0], -clip[:, 0]], axis=1))
    assert flow.shape == (2, 32)
    assert flow.max() == 9
    assert strip(np.zeros((3, 3, 2, 2))).shape == (2, 6, 3), 'images of a sequence'


def test_flops_are_those_counted_by_hand():
    model = model_of(dtype=torch.float32).eval()
    rows = get_flops.count(model, dict(video=torch.zeros(1, 6), audio=torch.zeros(1, 5)))
    norm = 2 * 8
    encoders = dict(video=6 * 8 + norm + 8 * 7, audio=5 * 8 + norm + 8 * 6)
    parameters = dict(video=48 + 8 + 16 + 56 + 7 + 3, audio=40 + 8 + 16 + 48 + 6 + 3)
    for name in encoders:
        assert rows[name] == (encoders[name], parameters[name])
    fusion = (7 + 6) * 16 + 16 * 3
    assert rows['total'] == (sum(encoders.values()) + fusion, sum(parameters.values()) + fusion + 16 + 3)
    with pytest.raises(ValueError, match="'video' has samples of different length"):
        get_flops.count(model, dict(video=object()))


@pytest.mark.parametrize(('shapes', 'message'), [
    (['video=6'], r"names \['video'\], c.py has the modalities \['video', 'audio'\]"),
    (['video=6', 'audio=a'], 'sizes are whole numbers'),
])
def test_shapes_are_checked(shapes, message):
    with pytest.raises(ValueError, match=message):
        get_flops.inputs_of(SimpleNamespace(filename='c.py'), model_of(), shapes)


def test_get_flops_reads_the_first_sample_or_the_shapes(folder, capsys):
    recipe = str(folder / 'recipe.py')
    get_flops.main([recipe])
    first = capsys.readouterr().out.splitlines()
    get_flops.main([recipe, '--shape', 'audio=1,257,123', 'video=3,16,56,56'])
    assert capsys.readouterr().out.splitlines() == first
    assert [line.split()[0] for line in first[1:]] == ['video', 'audio', 'total']
    assert '1x3x16x56x56' in first[1]
    with pytest.raises(SystemExit, match='error: --shape names'):
        get_flops.main([recipe, '--shape', 'video=1'])
