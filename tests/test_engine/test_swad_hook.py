"""SWAD: the published window, what is averaged, what is tested, resume."""

import json

import pytest
import torch
from mmengine.hooks import Hook
from torch.nn import functional as F

from mmda_ext.engine.hooks import SWADHook
from mmda_ext.engine.hooks.swad_hook import STATE
from mmda_ext.engine.loss_valley import LossValley
from mmda_ext.registry import HOOKS
from tests.test_engine.feature_run import checkpoint, feature_config, run
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.test_engine.test_resume import assert_same

UP = (1., .8, .6, .5, .52, .55, .5, .51, .7, .72, .75, .8, .9, .95, 1., 1.1)


def window(losses, **options):
    """Entries of the mean, which the one of powers of two tells apart; the valley; again from saved states."""
    valley = LossValley(**options)
    for entry, loss in enumerate(losses):
        again = LossValley(**options)
        again.load_state_dict(valley.state_dict())
        valley = again
        valley.add(loss, {'w': torch.tensor([2. ** entry], dtype=torch.float64)})
    total = round(float(valley.finish()['w']) * max(valley.mean.count, 1))
    return [entry for entry in range(len(losses)) if total >> entry & 1], valley


def test_known_answers():
    entries, valley = window(UP)
    assert entries == [3, 4, 5, 6, 7]
    assert valley.threshold == pytest.approx(.680333, abs=1e-6)
    assert valley.closed
    entries, valley = window((*UP[:8], .53))
    assert entries == [3, 4, 5, 6, 7, 8]
    assert not valley.closed


def test_edges_of_the_window():
    # The end of the training closes a window before entries that lie above the threshold for good.
    assert window((*UP[:8], .7, .72))[0] == [3, 4, 5, 6, 7]
    # It ends before all entries of the tolerance are there.
    assert window(UP[:6])[0] == [3, 4, 5]
    # It never opens: the last entry, alone.
    entries, valley = window((1., .9, .8, .7))
    assert (entries, valley.mean.count) == ([3], 0)
    # Of equal losses the first converged; a bump shorter than the tolerance stays in.
    assert window((.5, .5, .5, .9, .9, .5, .5), ratio=.1)[0] == [0, 1, 2, 3, 4, 5, 6]
    # As many above the threshold as are tolerated close it.
    entries, valley = window((.5, .9, .9, .5), converge=1, tolerance=2, ratio=.1)
    assert (entries, valley.closed) == ([0], True)
    # More entries to converge than to tolerate.
    assert window((.5, .6, .7, .9, .6), converge=3, tolerance=1, ratio=.1)[0] == [0, 1]
    assert window((3., 1., 2.), converge=1, tolerance=1, ratio=float('inf'))[0] == [0, 1, 2]


@HOOKS.register_module(force=True)
class Steps(Hook):
    """Weights after each step, and what is measured there, by hand."""

    priority = 'HIGH'

    def before_run(self, runner):
        self.states, self.losses, self.tested = [], [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        model = runner.model
        self.states.append({name: value.clone() for name, value in model.state_dict().items()})
        data = [runner.val_dataloader.dataset[index] for index in range(len(runner.val_dataloader.dataset))]
        model.eval()
        with torch.no_grad():
            features = {name: model.backbones[name](torch.stack([
                torch.as_tensor(own['inputs'][name]) for own in data]).float()) for name in model.backbones}
            labels = torch.cat([own['data_samples'].gt_label for own in data])
            self.losses.append(float(F.cross_entropy(model.cls_head(features), labels)))
        model.train()

    def before_test_iter(self, runner, batch_idx, data_batch=None):
        self.tested.append({name: value.clone() for name, value in runner.model.state_dict().items()})


#: Overfits soon, and has dropout in front of a BatchNorm.
MODEL = {'optim_wrapper.optimizer.lr': .2, 'model.backbones.face.hidden_channels': (8, 8)}


def config(folder, work_dir, kill=None, **changes):
    cfg = feature_config('swad', folder, work_dir, 4, **{**MODEL, **changes})
    cfg.custom_hooks[-1].update(interval=5, converge=2, tolerance=2)
    cfg.custom_hooks.append(dict(type='mmda_ext.Steps'))
    if kill:
        cfg.custom_hooks.append(dict(type='mmda_ext.KillHook', **kill))
    return cfg


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('swad')
    return run(config(folder, folder / 'run')), folder


def hook_of(runner, kind):
    return next(hook for hook in runner.hooks if isinstance(hook, kind))


def test_the_average_of_the_window_is_validated_and_tested(whole):
    runner, folder = whole
    steps, logged = hook_of(runner, Steps), runner.message_hub.log_scalars['train/swad/source_loss'].data[0]
    assert logged.tolist() == pytest.approx(steps.losses[4::5], rel=1e-4)
    expected = LossValley(2, 2)
    for index, loss in enumerate(logged):
        part = steps.states[5 * index:5 * index + 5]
        expected.add(loss, {name: torch.stack([own[name].double() for own in part]).mean(0) for name in part[0]})
    average, tested = expected.finish(), steps.tested[0]
    assert expected.mean.count
    for name, _ in runner.model.named_parameters():
        torch.testing.assert_close(tested[name].double(), average[name], rtol=1e-4, atol=1e-5, msg=name)
    result = json.loads((folder / 'run' / 'result.json').read_text())
    assert (result['checkpoint'], result['selected_by'], result['selection'], result['epoch']) == (
        'swad.pth', 'swad', 'source_validation', 4)
    assert_same(dict(checkpoint(folder / 'run', 'swad.pth')['state_dict']), tested, 'tested')


def test_training_itself_is_that_without_the_hook(whole):
    runner, folder = whole
    run(feature_config('erm', folder, folder / 'erm', 4, **MODEL))
    raw, plain = (dict(checkpoint(folder / name, 'epoch_4.pth')['state_dict']) for name in ('run', 'erm'))
    assert_same(raw, plain, 'raw')
    assert_same(raw, hook_of(runner, Steps).states[-1], 'last step')


def test_statistics_are_those_of_the_training_set(whole):
    """First layer of each encoder: mean of the means of all batches; a wide data set has one order only."""
    runner, _ = whole
    tested = hook_of(runner, Steps).tested[0]
    data = runner.train_dataloader.dataset
    rows = torch.stack([torch.as_tensor(data[index]['inputs']['face']) for index in range(len(data))]).float()
    layers = runner.model.backbones['face'].layers
    place = next(index for index, layer in enumerate(layers) if isinstance(layer, torch.nn.BatchNorm1d))
    with torch.no_grad():
        mean = layers[:place](rows).mean(0)
    torch.testing.assert_close(tested[f'backbones.face.layers.{place}.running_mean'], mean, rtol=.1, atol=.1)
    assert int(tested[f'backbones.face.layers.{place}.num_batches_tracked']) == len(runner.train_dataloader)


@pytest.mark.parametrize('kill', [dict(where='training', epoch=2), dict(where='validation', epoch=3)])
def test_resumed_run_equals_uninterrupted(whole, tmp_path, kill):
    runner, folder = whole
    with pytest.raises(Killed):
        run(config(folder, tmp_path, kill))
    again = run(config(folder, tmp_path, resume=True))
    one, two = (checkpoint(where, 'epoch_4.pth') for where in (folder / 'run', tmp_path))
    assert one[STATE]['segment']['count']
    for key in ('state_dict', STATE, 'optimizer'):
        assert_same(one[key], two[key], key)
    assert_same(hook_of(runner, Steps).tested[0], hook_of(again, Steps).tested[0], 'tested')
    before = checkpoint(tmp_path, 'swad.pth')['state_dict']
    done = run(config(folder, tmp_path, resume=True))
    assert not hook_of(done, Steps).tested  # it holds the test of this checkpoint already
    assert_same(before, checkpoint(tmp_path, 'swad.pth')['state_dict'], 'made again')


def test_frozen_weights_are_not_kept(tmp_path):
    cfg = config(tmp_path, tmp_path / 'run', **{'train_cfg.max_epochs': 1})
    cfg.model['freeze'] = dict(face=dict(trainable=[]))
    runner = run(cfg)
    kept = hook_of(runner, SWADHook).valley.finish()
    face = {name.split('.')[-1] for name in kept if name.startswith('backbones.face')}
    assert face == {'running_mean', 'running_var'}
    assert any(name.startswith('backbones.audio') and name.endswith('weight') for name in kept)


def test_runs_that_have_no_valley_are_refused(tmp_path):
    for changes, message in (
            (dict(val_cfg=None, val_dataloader=None, val_evaluator=None), 'has no validation'),
            ({'default_hooks.average': dict(type='mmda_ext.AveragedWeightsHook')}, 'take one of them out'),
            ({'default_hooks.checkpoint.type': 'CheckpointHook'}, 'LastBestCheckpointHook'),
            ({'train_cfg.max_epochs': 0}, 'longer than the training of 0')):
        with pytest.raises(ValueError, match=message):
            run(config(tmp_path, tmp_path / 'run', **changes))
    run(feature_config('erm', tmp_path, tmp_path / 'erm', 1, **MODEL))
    with pytest.raises(ValueError, match='holds no averages'):
        run(config(tmp_path, tmp_path / 'erm', resume=True))


def test_by_default_a_training_is_measured_twenty_times(tmp_path):
    cfg = feature_config('swad', tmp_path, tmp_path / 'run', 5)
    runner = run(cfg)
    measured = runner.message_hub.log_scalars['train/swad/source_loss'].data[0]
    assert len(measured) == runner.max_iters // (runner.max_iters // 20)


@pytest.mark.parametrize('options', [dict(interval=0), dict(converge=True), dict(tolerance=0), dict(ratio=-1.),
                                     dict(ratio=float('nan'))])
def test_bad_options_are_refused(options):
    (key, value), = options.items()
    with pytest.raises(ValueError, match=f'SWADHook: {key}={value!r} must be'):
        SWADHook(**options)
