"""Averaged weights: known answers, what a run evaluates, saves, tests and continues from."""

import copy
import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmda_ext.apis.options import apply_options
from mmda_ext.engine.hooks import AveragedWeightsHook
from mmda_ext.engine.hooks.averaged_weights_hook import RAW
from mmda_ext.registry import HOOKS
from tests.test_engine.feature_run import checkpoint, feature_config, run, runner_of
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.test_engine.test_resume import assert_same


def averaged(values, updates=None, iters=None, **options):
    """What the hook makes of the values that a weight, a statistic and a counter take, from 0."""
    model = nn.BatchNorm1d(1)
    for value in model.state_dict().values():
        value.zero_()
    hook = AveragedWeightsHook(**options)
    # `before_run` asks whether the run trains.
    runner = SimpleNamespace(model=model, iter=0, max_iters=iters or len(values),
                             optim_wrapper=SimpleNamespace(should_update=lambda: due))
    hook._averages, hook.src_model = True, model
    super(AveragedWeightsHook, hook).before_run(runner)
    hook.before_train(runner)
    for step, value in enumerate(values):
        for own in model.state_dict().values():
            own.fill_(value)
        runner.iter, due = step, updates is None or updates[step]
        hook.after_train_iter(runner, step)
    state = hook.ema_model.module.state_dict()
    assert float(state['weight']) == pytest.approx(float(state['running_mean']))
    assert state['num_batches_tracked'].dtype == torch.long
    return float(state['weight']), int(state['num_batches_tracked'])


SWA = dict(ema_type='StochasticWeightAverage')


@pytest.mark.parametrize(('options', 'expected'), [
    (dict(momentum=.1), .661),
    (SWA, 7 / 3),
    # One step of three goes by: the average starts at 1 and holds 2 and 4; the mean is that of 2 and 4.
    (dict(momentum=.1, begin=1 / 3), .9 * (.9 * 1 + .1 * 2) + .1 * 4),
    (dict(begin=1 / 3, **SWA), 3),
])
def test_known_answer(options, expected):
    weight, count = averaged([1, 2, 4], **options)
    assert weight == pytest.approx(expected, rel=1e-6)
    assert count == 4


def test_before_the_begin_the_average_is_the_model():
    assert averaged([1, 2, 4], begin=.9, iters=100, momentum=.1) == (4, 4)
    assert averaged([1, 2, 4], begin=1., momentum=.1) == (4, 4)


def test_parts_of_a_step_do_not_count():
    assert averaged([7, 1, 7, 2, 7, 4], [False, True] * 3, momentum=.1)[0] == pytest.approx(.661)


@HOOKS.register_module(force=True)
class Evaluated(Hook):
    """Weights that are validated and tested, and the raw ones at the end."""

    priority = 'VERY_LOW'

    def before_run(self, runner):
        self.seen = {'val': [], 'test': []}

    def before_val_iter(self, runner, batch_idx, data_batch=None, mode='val'):
        if batch_idx == 0:
            self.seen[mode].append(copy.deepcopy(runner.model.state_dict()))

    def before_test_iter(self, runner, batch_idx, data_batch=None):
        self.before_val_iter(runner, batch_idx, mode='test')


def config(folder, work_dir, recipe='ema', kill=None, **changes):
    cfg = feature_config(recipe, folder, work_dir, 4, **changes)
    if recipe == 'ema':
        cfg.default_hooks.average.momentum = .1
    # The best epoch is none of the last.
    cfg.custom_hooks += [dict(type='mmda_ext.Evaluated'), dict(type='mmda_ext.ScriptedScores', scores=[.1, .5, .3, .2])]
    if kill:
        cfg.custom_hooks.append(dict(type='mmda_ext.KillHook', **kill))
    return cfg


def seen_by(runner):
    return next(hook.seen for hook in runner.hooks if isinstance(hook, Evaluated))


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A run to its end, by recipe."""
    folder = tmp_path_factory.mktemp('averaged')
    return {name: (run(config(folder, folder / name, name)), folder) for name in ('ema', 'swa')}


def test_what_is_validated_saved_and_tested_is_the_average(whole):
    runner, folder = whole['ema']
    seen = seen_by(runner)
    best = next((folder / 'ema').glob('best_*.pth'))
    saved, last = checkpoint(folder / 'ema', best.name), checkpoint(folder / 'ema', 'epoch_4.pth')
    assert saved['meta']['epoch'] == 2
    assert_same(dict(seen['val'][1]), dict(saved['state_dict']), 'validated = best')
    assert_same(dict(seen['test'][0]), dict(saved['state_dict']), 'tested = best')
    assert_same(dict(seen['val'][3]), dict(last['state_dict']), 'validated = last')
    # The best is for tests alone; the last holds the raw weights, too, and they are others.
    assert RAW not in saved
    assert not any(torch.equal(value, last[RAW][f'module.{name}']) for name, value in last['state_dict'].items()
                   if value.is_floating_point())
    counts = [value for name, value in last['state_dict'].items() if 'num_batches' in name]
    assert counts
    assert all(int(value) == runner.max_iters for value in counts)


@pytest.mark.parametrize(('recipe', 'kill'), [
    ('ema', dict(where='training', epoch=2)), ('swa', dict(where='training', epoch=3)),
    ('ema', dict(where='validation', epoch=3))])
def test_resumed_run_equals_uninterrupted(whole, tmp_path, recipe, kill):
    runner, folder = whole[recipe]
    with pytest.raises(Killed):
        run(config(folder, tmp_path, recipe, kill))
    again = run(config(folder, tmp_path, recipe, resume=True))
    one, two = (checkpoint(where, 'epoch_4.pth') for where in (folder / recipe, tmp_path))
    for key in ('state_dict', RAW, 'optimizer'):
        assert_same(dict(one[key]), dict(two[key]), key)
    assert_same(dict(seen_by(runner)['test'][0]), dict(seen_by(again)['test'][0]), 'tested')


def test_a_test_reads_the_averaged_weights_without_a_second_model(whole, tmp_path):
    _, folder = whole['ema']
    for name in ('epoch_4.pth', next((folder / 'ema').glob('best_*.pth')).name):
        cfg = config(folder, tmp_path, load_from=str(folder / 'ema' / name))
        runner = runner_of(cfg)
        runner.test()
        assert_same(dict(runner.model.state_dict()), dict(checkpoint(folder / 'ema', name)['state_dict']), name)
        assert not any(hasattr(hook, 'ema_model') for hook in runner.hooks)


def test_the_average_of_a_new_run_starts_at_the_loaded_weights(whole, tmp_path):
    _, folder = whole['ema']
    loaded = checkpoint(folder / 'ema', 'epoch_4.pth')
    # As a distributed model names its tensors.
    torch.save({'state_dict': {f'module.{name}': value for name, value in loaded['state_dict'].items()},
                'meta': loaded['meta']}, tmp_path / 'start.pth')
    runner = runner_of(config(folder, tmp_path, load_from=str(tmp_path / 'start.pth'), **{'train_cfg.max_epochs': 1}))
    start = []
    original = AveragedWeightsHook.before_train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AveragedWeightsHook, 'before_train', lambda self, runner: (
            original(self, runner), start.append(copy.deepcopy(self.ema_model.module.state_dict()))))
        runner.train()
    assert_same(dict(start[0]), dict(loaded['state_dict']), 'start')


def test_checkpoints_with_and_without_the_average_are_told_apart(whole, tmp_path):
    _, folder = whole['ema']
    path = str(folder / 'ema' / 'epoch_4.pth')
    with pytest.raises(ValueError, match='holds averaged weights beside those that train'):
        run(feature_config('erm', folder, tmp_path / 'a', 5, load_from=path, resume=True))
    run(feature_config('erm', folder, tmp_path / 'b', 1))
    with pytest.raises(ValueError, match='was written without AveragedWeightsHook'):
        run(config(folder, tmp_path / 'b', resume=True))


def test_any_recipe_takes_it_by_options(tmp_path):
    cfg = feature_config('gmp', tmp_path, tmp_path / 'run')
    apply_options(cfg, {'default_hooks.average.type': 'mmda_ext.AveragedWeightsHook',
                        'default_hooks.average.momentum': .01})
    runner = runner_of(cfg)
    assert any(isinstance(hook, AveragedWeightsHook) for hook in runner.hooks)
    with pytest.raises(ValueError, match='decay'):
        apply_options(cfg, {'default_hooks.average.decay': .9})


def test_a_balanced_run_that_stops_early_tests_its_best_average(tmp_path):
    cfg = feature_config('gmp', tmp_path, tmp_path / 'run', epochs=9)
    apply_options(cfg, {'default_hooks.average.type': 'mmda_ext.AveragedWeightsHook',
                        'default_hooks.stop.type': 'EarlyStoppingHook', 'default_hooks.stop.monitor': 'acc/top1',
                        'default_hooks.stop.min_delta': 1000., 'default_hooks.stop.patience': 2})
    runner = run(cfg)
    assert runner.epoch == 3  # the first counts as an improvement
    result = json.loads((tmp_path / 'run/result.json').read_text())
    saved = checkpoint(tmp_path / 'run', result['checkpoint'])
    assert_same(dict(runner.model.state_dict()), dict(saved['state_dict']), 'average')
    trained = checkpoint(tmp_path / 'run', 'epoch_3.pth')[RAW]
    assert not all(torch.equal(value, trained[f'module.{name}']) for name, value in runner.model.named_parameters())


@pytest.mark.parametrize('options', [
    dict(begin=1.1), dict(begin=-.1), dict(begin=True), dict(momentum=0.), dict(momentum=1.), dict(momentum='a'),
    dict(interval=0), dict(interval=True)])
def test_bad_options_are_refused(options):
    (key, value), = options.items()
    with pytest.raises(ValueError, match=f'AveragedWeightsHook: {key}={value!r} must'):
        AveragedWeightsHook(**options)
