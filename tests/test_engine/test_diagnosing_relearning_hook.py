"""Diagnosing & Re-learning in real runs: when, what moves, resume, two processes."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from mmda_ext.engine.diagnosis import relearning_strength, separability
from mmda_ext.engine.hooks import DiagnosingRelearningHook
from mmda_ext.engine.hooks.diagnosing_relearning_hook import STATE
from mmda_ext.registry import HOOKS
from tests.test_engine.feature_run import checkpoint, feature_config, run
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.toy_run import toy_config


@HOOKS.register_module(force=True)
class Watch(Hook):
    """Weights and optimizer state around each diagnosis, by number of finished epochs."""

    # Ours and the watched hook have the same priority: the order of the list decides.
    priority = 'ABOVE_NORMAL'
    seen: dict = {}

    def __init__(self, when):
        self.when = when

    def before_train_epoch(self, runner):
        state = {name: value.clone() for name, value in runner.model.state_dict().items()}
        draws = torch.get_rng_state(), np.random.get_state()[1].copy()
        moments = [own['exp_avg'].clone() for own in runner.optim_wrapper.optimizer.state.values()]
        self.seen.setdefault(self.when, {})[runner.epoch] = (state, moments, draws)


def config(folder, work_dir, epochs=4, **options):
    cfg = feature_config('drb', folder, work_dir, epochs)
    cfg.custom_hooks[-1].update(dict(interval=1, times=2), **options)
    return cfg


def watched(cfg):
    Watch.seen = {}
    drb = cfg.custom_hooks.pop()
    cfg.custom_hooks += [dict(type='mmda_ext.Watch', when='before'), drb, dict(type='mmda_ext.Watch', when='after')]
    return cfg


def test_when_and_what_moves(tmp_path):
    runner = run(watched(config(tmp_path, tmp_path / 'run', epochs=5)))
    before, after = Watch.seen['before'], Watch.seen['after']
    initial = before[0][0]
    history = runner.message_hub.log_scalars
    # Epochs count from 0: after epochs 1 and 2, two and three are finished; a third time is too many.
    strengths = {2: 0, 3: 1}
    for epoch in range(5):
        (old, old_moments, old_draws), (new, new_moments, new_draws) = before[epoch], after[epoch]
        for name in old:
            expected = old[name]
            if epoch in strengths and name.startswith('backbones.') and 'running' not in name and 'num_b' not in name:
                modality = name.split('.')[1]
                strength = history[f'train/relearning/strength_{modality}'].data[0][strengths[epoch]]
                expected = strength * initial[name] + (1 - strength) * old[name]
            torch.testing.assert_close(new[name], expected, msg=f'{name} before epoch {epoch}')
        assert all(torch.equal(one, two) for one, two in zip(old_moments, new_moments, strict=True))
        assert torch.equal(old_draws[0], new_draws[0])
        assert np.array_equal(old_draws[1], new_draws[1])
    assert all(not torch.equal(before[2][0][name], after[2][0][name]) for name in initial
               if name.startswith('backbones.') and name.endswith('weight'))
    assert len(history['train/relearning/gap_face'].data[0]) == 2


def test_numbers_are_those_of_the_saved_epoch(tmp_path):
    """The features of the checkpoint, read by hand, without augmentation, dropout or batch statistics."""
    runner = run(config(tmp_path, tmp_path / 'run', epochs=3))
    history = runner.message_hub.log_scalars
    model = runner.model
    model.load_state_dict(checkpoint(tmp_path / 'run', 'epoch_2.pth')['state_dict'])
    model.eval()
    datasets = runner.train_dataloader.dataset, runner.val_dataloader.dataset
    for modality in ('face', 'audio'):
        found = []
        for dataset in datasets:
            samples = [dataset[index] for index in range(len(dataset))]
            inputs = torch.stack([torch.as_tensor(sample['inputs'][modality]) for sample in samples]).float()
            labels = np.array([int(sample['data_samples'].gt_label) for sample in samples])
            with torch.no_grad():
                features = model.backbones[modality](inputs)
            found.append(separability(features.numpy(), labels, 3))
        logged = {key: history[f'train/relearning/{key}_{modality}'].data[0][0]
                  for key in ('purity_train', 'purity_val', 'gap', 'strength')}
        assert [logged['purity_train'], logged['purity_val']] == pytest.approx(found)
        assert logged['gap'] == pytest.approx(abs(found[0] - found[1]))
        assert logged['strength'] == pytest.approx(relearning_strength(logged['gap']))


@pytest.mark.parametrize(('where', 'epoch'), [('training', 2), ('validation', 2)])
def test_resumed_run_equals_uninterrupted(tmp_path, where, epoch):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    run(config(tmp_path, whole))
    cfg = config(tmp_path, parts)
    cfg.custom_hooks.append(dict(type='mmda_ext.KillHook', where=where, epoch=epoch))
    with pytest.raises(Killed):
        run(cfg)
    cfg = config(tmp_path, parts)
    cfg.resume = True
    run(cfg)
    one, two = (checkpoint(folder, 'epoch_4.pth') for folder in (whole, parts))
    assert all(torch.equal(one['state_dict'][name], two['state_dict'][name]) for name in one['state_dict'])
    assert all(torch.equal(a, b) for name in one[STATE] for a, b in zip(one[STATE][name], two[STATE][name]))
    best = next(whole.glob('best_*.pth')).name
    assert STATE not in checkpoint(whole, best)


def test_frozen_parts_are_neither_kept_nor_moved(tmp_path):
    freeze = dict(face=dict(trainable=['layers.4']), audio=dict(trainable=[]))
    cfg = watched(config(tmp_path, tmp_path / 'run', epochs=3))
    cfg.merge_from_dict({'model.freeze': freeze, 'model.backbones.face.hidden_channels': (8, 8)})
    run(cfg)
    kept = checkpoint(tmp_path / 'run', 'epoch_3.pth')[STATE]
    assert {name: len(own) for name, own in kept.items()} == {'face': 2, 'audio': 0}
    old, new = Watch.seen['before'][2][0], Watch.seen['after'][2][0]
    moved = {name for name in old if not torch.equal(old[name], new[name])}
    assert moved <= {'backbones.face.layers.4.weight', 'backbones.face.layers.4.bias'}


@pytest.mark.parametrize(('options', 'message'), [
    (dict(interval=0), 'interval=0 must be an integer >= 1'),
    (dict(times=True), 'times=True must be an integer >= 1'),
    (dict(scale=0.), 'scale=0.0 must be greater than 0'),
])
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DiagnosingRelearningHook(**options)


def test_runs_that_cannot_be_diagnosed_are_refused(tmp_path):
    cfg = toy_config(tmp_path / 'toy', epochs=1)
    cfg.custom_hooks.append(dict(type='mmda_ext.DiagnosingRelearningHook'))
    with pytest.raises(TypeError, match='ToyModel is none'):
        run(cfg)
    cfg = config(tmp_path, tmp_path / 'blind')
    cfg.merge_from_dict(dict(val_cfg=None, val_dataloader=None, val_evaluator=None))
    with pytest.raises(ValueError, match='compares training with source validation, and this run has none'):
        run(cfg)
    run(feature_config('base', tmp_path, tmp_path / 'other', epochs=1))
    cfg = config(tmp_path, tmp_path / 'other', epochs=2)
    cfg.resume = True
    with pytest.raises(ValueError, match='holds no initial encoder weights'):
        run(cfg)
