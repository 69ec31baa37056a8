"""docs/own_data.md as its reader meets it: files, commands, and every method on the file that the page makes."""

import json
import os
import re
import shlex
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.runner import Runner

from mmda_ext.apis.cli import run_training
from mmda_ext.apis.compose import load_recipe
from mmda_ext.apis.recipe_files import methods
from mmda_ext.datasets.feature_file import describe
from mmda_ext.registry import MODELS, OPTIM_WRAPPERS
from tests.conftest import ROOT
from tests.recipes import each_file_read_once, recipe
from tests.test_datasets.recordings import make_recordings

PAGE = (ROOT / 'docs' / 'own_data.md').read_text(encoding='utf-8')
#: Of tables, then of feature files and configs.
BLOCKS = [block.splitlines() for block in re.findall(r'```bash\n(.*?)```', PAGE, flags=re.S)]
OF_TABLES, COMMANDS = sum(BLOCKS[:2], []), sum(BLOCKS[2:], [])
#: Small batches in this process.
SMALL = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=4',
         *(f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test'))]


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with the files of the page, and with tools and configs as in a checkout."""
    folder = tmp_path_factory.mktemp('page')
    for name, text in re.findall(r'```python\n# file: (\S+)\n(.*?)```', PAGE, flags=re.S):
        (folder / name).write_text(text, encoding='utf-8')
    for name in ('tools', 'configs'):
        (folder / name).symlink_to(ROOT / name)
    return folder


def run(command, place):
    """The command in a process of its own."""
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    words = shlex.split(command.replace('python', sys.executable, 1))
    done = subprocess.run(words, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope='module')
def data(place):
    run(COMMANDS[0], place)
    return place / 'mine.npz'


@pytest.fixture(scope='module')
def table(place):
    """The table of the page, with its files."""
    path = make_recordings(place)
    text = re.search(r'```text\n(.*?)```', PAGE, flags=re.S).group(1)
    rows = [line.split(',') for line in path.read_text().splitlines()]
    path.write_text('\n'.join(','.join(cell for name, cell in zip(rows[0], row) if name != 'text') for row in rows))
    assert text.splitlines()[:3] == path.read_text().splitlines()[:3]
    return path


@pytest.mark.slow
def test_the_commands_of_a_table_run_with_every_subset_of_modalities(place, table, monkeypatch):
    """The check and the first training from the shell; the others in this process."""
    check, plain, subset, adapting, own = OF_TABLES
    assert 'of each class: clap 4, wave 4' in run(check, place)
    said = run(' '.join([plain, *SMALL]), place)
    assert '    sensor: 6 numbers in each step, scaled by the training samples of the sources' in said
    monkeypatch.chdir(place)
    monkeypatch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True))
    subsets = [' '.join(names) for count in (1, 2) for names in combinations(('video', 'audio', 'sensor'), count)]
    commands = {f'gmp_own_to-siteB_{names.replace(" ", "-")}': f'{plain} --modalities {names}' for names in subsets}
    assert subset in commands.values()
    commands |= {'boomda_own_to-siteB_from-siteA': adapting, 'gmp_recordings_to-siteC': own}
    halves = ['train_dataloader.batch_sampler.n_source=2', 'train_dataloader.batch_sampler.n_target=2']
    for command in commands.values():
        words = shlex.split(command.partition('tools/train.py ')[2])
        run_training([*words, *SMALL, *(halves if command == adapting else ())])
    for folder in ('gmp_own_to-siteB', *commands):
        result = json.loads((place / 'work_dirs' / folder / 'result.json').read_text())
        assert 0 <= result['test']['acc/top1'] <= 100


@pytest.mark.slow
@pytest.mark.parametrize('adapting', [False, True])
def test_every_method_trains_on_a_table(table, adapting, under_way):
    """All modalities of a table have one width, which some methods need."""
    for method in ('simmmdg', 'cmrf', 'moosa', 'rna-net') if not adapting else ('a3d2', 'pcl', 'boomda'):
        cfg = recipe(method, str(table), target=['siteB'])
        cfg.train_dataloader.update(num_workers=0, batch_size=4)
        if adapting:
            cfg.train_dataloader.batch_sampler.update(n_source=2, n_target=2)
        train_a_step(cfg)


def test_a_file_says_all_about_itself(data):
    file = describe(str(data))
    assert file.shapes == dict(accelerometer=(60, 3), gyroscope=(60, 3), skeleton=(40, 30))
    assert (file.domains, file.num_classes, file.has_split) == (('siteA', 'siteB', 'siteC', 'siteD'), 6, False)
    assert file.sizes['skeleton'] == 1200


@pytest.mark.parametrize(('change', 'message'), [
    (dict(label=None), r"lacks the arrays \['label'\]: it has \['x', 'domain', 'classes'\]"),
    (dict(x=None), 'has no modality: add an array of numbers'),
    (dict(x=np.array(['a', 'b'])), 'has no modality'),
    (dict(x=np.array([1., 2.])), 'has no modality'),
])
def test_a_file_that_lacks_something_is_named(tmp_path, change, message):
    arrays = dict(x=np.ones((2, 3)), label=np.array([0, 1]), domain=np.array(['p', 'q']), classes=np.array(['c', 'd']))
    arrays = {name: value for name, value in (arrays | change).items() if value is not None}
    np.savez(tmp_path / 'f.npz', **arrays)
    with pytest.raises(ValueError, match=message):
        recipe('erm', str(tmp_path / 'f.npz'))
    (tmp_path / 'text.npz').write_text('no archive')
    with pytest.raises(ValueError, match='is no .npz file'):
        describe(str(tmp_path / 'text.npz'))


def test_vectors_sequences_and_pictures_get_networks(tmp_path, under_way):
    label = np.arange(160) % 2
    arrays = dict(vector=np.ones((160, 5)), sequence=np.ones((160, 7, 4)), picture=np.ones((160, 1, 6, 8)))
    np.savez(tmp_path / 'f.npz', **arrays, label=label,
             domain=np.array(['p', 'q'])[np.arange(160) // 80], classes=np.array(['c', 'd']),
             split=np.array(['train', 'val', 'test', 'train'])[np.arange(160) % 4])
    cfg = recipe('boomda', str(tmp_path / 'f.npz'))
    assert [own.type for own in cfg.model.backbones.values()] == [
        'mmda_ext.MLPBackbone', 'mmda_ext.SequenceBackbone', 'mmda_ext.MLPBackbone']
    assert cfg.model.backbones.picture.in_channels == 48
    assert 'target_test_fraction' not in {key for part in cfg.train_dataloader.dataset.datasets for key, value in
                                          part.items() if value is not None}, 'the file says who is held out'
    train_a_step(cfg)


@pytest.fixture
def under_way():
    """MMAction2's scope, and a first epoch for rules that compare epochs."""
    before = DefaultScope.get_current_instance()
    init_default_scope('mmaction')
    hub = MessageHub.get_instance('own data')
    for key, value in dict(iter=0, max_iters=300, epoch=0, max_epochs=10).items():
        hub.update_info(key, value)
    with each_file_read_once():
        yield
    MessageHub._instance_dict.pop('own data')
    if before is None:
        DefaultScope._instance_dict.clear()


def train_a_step(cfg):
    """One training step on the first batch moves every encoder."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    options = {key: value for key, value in cfg.optim_wrapper.items() if key != 'paramwise_cfg'}
    wrapper = OPTIM_WRAPPERS.build({**options, 'optimizer': torch.optim.Adam(model.parameters(), lr=1e-3)})
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader, seed=0)))
    before = {name: value.clone() for name, value in model.named_parameters()}
    loss = model.train_step(batch, wrapper)['loss']
    assert torch.isfinite(loss)
    moved = {name.split('.')[1] for name, value in model.named_parameters()
             if name.startswith('backbones.') and not torch.equal(value, before[name])}
    assert moved == set(cfg.recipe.modalities) or 'trainable' in cfg.model


@pytest.mark.slow
@pytest.mark.parametrize('adapting', [False, True])
def test_every_method_trains_on_the_file(data, adapting, under_way):
    for method in methods(reads_target=adapting):
        cfg = recipe(method, str(data), target=['siteB'])
        if cfg.optim_wrapper.get('balancer', {}).get('type') == 'mmda_ext.TorchJDWeighting':
            pytest.importorskip('torchjd')
        train_a_step(cfg)


def test_the_config_of_the_page_serves_methods_and_flags(place, data, monkeypatch, under_way):
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    cfg = load_recipe(place / 'mine.py')
    assert (cfg.train_cfg.max_epochs, cfg.recipe.target, cfg.recipe.run) == (40, ['siteC'], 'mine')
    train_a_step(cfg)
    cfg = recipe('simmmdg', 'sensors.py', modalities=['skeleton', 'gyroscope'])
    assert list(cfg.model.backbones) == ['gyroscope', 'skeleton']
    train_a_step(cfg)


@pytest.mark.slow
def test_the_commands_of_the_page_run(place, data, monkeypatch):
    """Those of the trainer in this process, with one epoch."""
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    # Most of a run this small is the layout of the config's text.
    monkeypatch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True))
    _, plain, subset, sweep, adapting, own = COMMANDS
    for command, folder in ((plain, 'gmp_mine_to-siteB'), (subset, 'gmp_mine_to-siteB_accelerometer-skeleton'),
                            (adapting, 'boomda_mine_to-siteB_from-siteA'), (own, 'gmp_sensors_to-siteC')):
        run_training([*shlex.split(command.partition('tools/train.py ')[2]), '--cfg-options', 'train_cfg.max_epochs=1'])
        result = json.loads((place / 'work_dirs' / folder / 'result.json').read_text())
        assert 0 <= result['test']['acc/top1'] <= 100
    run(sweep.replace('base gmp simmmdg', 'gmp').replace('siteA siteB siteC siteD', 'siteA')
        + ' --cfg-options train_cfg.max_epochs=1', place)
    cell, = json.loads((place / 'work_dirs' / 'mine' / 'results.json').read_text())['cells']
    assert cell['state'] == 'done'
