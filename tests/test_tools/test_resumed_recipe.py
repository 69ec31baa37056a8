"""What is said, and what is refused, when a run is continued with another config."""

import re

import pytest
import torch
from mmengine.config import Config

from mmda_ext.apis import cli
from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.resumed_recipe import check_resumed_recipe, read_config_text
from tests.recipes import recipe
from tests.toy_run import toy_config, write_config


@pytest.fixture(scope='module')
def gmp(tmp_path_factory):
    """A config, and a checkpoint that was written under it."""
    cfg = recipe('gmp')
    cfg.randomness.seed = 3
    path = tmp_path_factory.mktemp('recipe') / 'epoch_1.pth'
    torch.save({'meta': {'cfg': cfg.pretty_text, 'seed': 3}, 'state_dict': {'w': torch.zeros(2)}}, path)
    return cfg, str(path)


def check(gmp, **changes):
    cfg = gmp[0].copy()
    cfg.merge_from_dict(changes)
    return check_resumed_recipe(cfg, gmp[1])


def test_the_same_config_is_silent(gmp):
    assert check(gmp) == []
    # What only says where or how fast a run goes on is none of its recipe.
    assert check(gmp, work_dir='elsewhere', launcher='pytorch', log_level='ERROR',
                 model_wrapper_cfg=dict(type='MMDistributedDataParallel')) == []
    assert check(gmp, sync_bn=None) == []


def test_what_differs_is_said_with_the_value_that_holds(gmp):
    sentences = check(gmp, **{
        'optim_wrapper.optimizer.lr': 0.5, 'train_dataloader.batch_size': 4,
        'train_dataloader.dataset.ann_file': 'moved.npz', 'optim_wrapper.accumulative_counts': 2})
    assert sentences == [
        'the config differs from that of epoch_1.pth; from here on the present one holds:\n'
        "    train_dataloader.batch_size: 16 -> 4\n"
        "    train_dataloader.dataset.ann_file: 'data/ravdess_av/ravdess_av.npz' -> 'moved.npz'\n"
        '    optim_wrapper.optimizer.lr: 0.001 -> 0.5\n'
        "    optim_wrapper.accumulative_counts: (nothing) -> 2"]
    many = check(gmp, **{f'model.x{index}': index for index in range(20)})
    assert many[0].splitlines()[-1] == '    and 8 more'


@pytest.mark.parametrize(('changes', 'message'), [
    ({'optim_wrapper.balancer.type': 'mmda_ext.PCGrad'}, r"optim_wrapper.balancer.type='mmda_ext.GMP' \(now "),
    ({'optim_wrapper.optimizer.type': 'SGD'}, "optim_wrapper.optimizer.type='Adam'"),
    ({'optim_wrapper.type': 'OptimWrapper'}, "optim_wrapper.type='mmda_ext.BalancedOptimWrapper'"),
    ({'model.fusion.type': 'mmda_ext.SumFusion'}, "model.fusion.type='mmda_ext.ConcatFusion'"),
    ({'model.objectives': []}, "model.objectives.0.head.type=.* and|model.objectives.0.type="),
    ({'train_dataloader.dataset.domains': ('actors01-06', )}, "train_dataloader.dataset.domains=.*now .*'actors01-06'"),
    ({'val_dataloader.dataset.split': 'train'}, "val_dataloader.dataset.split='val'"),
    ({'default_hooks.checkpoint.save_best': 'source/acc/top1'}, "default_hooks.checkpoint.save_best='acc/top1'"),
    ({'train_cfg.type': 'IterBasedTrainLoop'}, "train_cfg.type='EpochBasedTrainLoop'"),
])
def test_what_cannot_fit_is_refused(gmp, changes, message):
    with pytest.raises(ValueError, match=f'^--resume: .*epoch_1.pth was trained with .*{message}'):
        check(gmp, **changes)


def test_mixed_precision_and_validation_may_begin_later(gmp):
    assert check(gmp, **{'optim_wrapper.type': 'mmda_ext.AmpBalancedOptimWrapper'})
    cfg = gmp[0].copy()
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    assert check_resumed_recipe(cfg, gmp[1])


def test_the_seed_is_that_of_the_run(gmp):
    cfg = gmp[0].copy()
    cfg.randomness = dict(seed=8, diff_rank_seed=False, deterministic=True)
    seed, rest = check_resumed_recipe(cfg, gmp[1])
    assert seed == 'seed 8 is asked for, the run began with 3: that of the run holds'
    assert rest.splitlines()[1:] == ['    randomness.deterministic: False -> True']
    assert cfg.randomness == {'seed': 3, 'diff_rank_seed': False, 'deterministic': True}


def test_text_of_a_config_is_read_and_never_run(tmp_path):
    cfg = Config({'a': {'b-c': [1, -2.5, {'x': (1, 2)}], 'e.f': None}, 's': [], 'i': float('inf')})
    assert read_config_text(cfg.pretty_text) == {'a.b-c.0': 1, 'a.b-c.1': -2.5, 'a.b-c.2.x': [1, 2], 'a.e.f': None,
                                                 's': [], 'i': 'inf'}
    target = tmp_path / 'ran'
    assert read_config_text(f'a = open({str(target)!r}, "w")') == {'a': f"open({str(target)!r}, 'w')"}
    assert read_config_text('a = dict({"x": 1}, y=2, **{"z": 3})') == {'a.x': 1, 'a.y': 2, 'a.z': 3}
    assert not target.exists()


def test_a_refused_run_leaves_the_work_dir_alone(tmp_path, capsys):
    config = write_config(tmp_path / 'toy.py', toy_config(tmp_path / 'run', epochs=1))

    def train(*argv):
        return run_with_one_line_errors(lambda: cli.run_training([str(config), *argv]))

    assert train() == 0
    before = (tmp_path / 'run' / 'toy.py').read_text()
    capsys.readouterr()
    assert train('--resume', '--cfg-options', 'optim_wrapper.optimizer.type=SGD') == 1
    error = capsys.readouterr().err
    assert re.search("error: --resume: .*epoch_1.pth was trained with optim_wrapper.optimizer.type='Adam'", error)
    assert (tmp_path / 'run' / 'toy.py').read_text() == before
    assert train('--resume', '--seed', '9', '--cfg-options', 'train_cfg.max_epochs=2') == 0
    assert any('resume: seed 9 is asked for' in log.read_text() for log in (tmp_path / 'run').glob('*/*.log'))
    assert "'seed': 0" in str(Config.fromfile(tmp_path / 'run' / 'toy.py').randomness)
