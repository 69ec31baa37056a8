"""Gradient-Blending in real runs: weights, trials that leave no trace, resume, two processes."""

import copy

import pytest
import torch
from mmengine.hooks import Hook
from torch.nn import functional as F

from mmda_ext.engine.blend_weights import blend_weights
from mmda_ext.engine.hooks import GradientBlendingHook
from mmda_ext.engine.hooks.gradient_blending_hook import LAST
from mmda_ext.engine.trial import train_epochs, trial
from mmda_ext.registry import HOOKS, MODELS
from tests.test_engine.feature_run import SOURCES, checkpoint, feature_config, mean_losses, run, runner_of
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.test_engine.test_resume import assert_same
from tests.tiny import batch_of, model_of

WEIGHTS = 'objectives.2.weights'
HEADS = ('face', 'audio', 'fused')


@HOOKS.register_module(force=True)
class SameWeights(Hook):
    """Sets the weights that another run found, without any of its trials."""

    priority = 'ABOVE_NORMAL'

    def __init__(self, schedule):
        self.schedule = schedule

    def before_train_epoch(self, runner):
        if runner.epoch in self.schedule:
            runner.model.objectives[2].weights.copy_(torch.tensor(self.schedule[runner.epoch]))


def config(folder, work_dir, mode='online', epochs=4, **options):
    cfg = feature_config('g-blend', folder, work_dir, epochs)
    cfg.custom_hooks[-1].update(dict(mode=mode, super_epoch=2), **options)
    return cfg


def logged(runner):
    return {name: runner.message_hub.log_scalars[f'train/blending/weight_{name}'].data[0].tolist() for name in HEADS}


def objective_of(**options):
    fusion = dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=7, audio=6), hidden_channels=16)
    heads = dict(type='mmda_ext.LocalClassification', loss_weight=0.0, task='heads')
    model = model_of(cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=3, loss_weight=0.0), fusion=fusion,
                     objectives=[heads, dict(type='mmda_ext.BlendedClassification', **options)])
    return model, model.objectives[1]


def test_objective_is_the_weighted_sum_of_all_heads():
    model, objective = objective_of()
    model.eval()
    objective.weights.copy_(torch.tensor([.2, .5, .3]))
    batch = model.data_preprocessor(batch_of())
    out = model(**batch, mode='loss')
    features = model.extract_feat(batch['inputs'], 6)
    labels = torch.cat([sample.gt_label for sample in batch['data_samples']])
    heads = [*(head(features[name]) for name, head in model.modality_heads.items()), model.cls_head(features)]
    expected = sum(w * F.cross_entropy(logits, labels) for w, logits in zip((.2, .5, .3), heads))
    torch.testing.assert_close(out['loss_blend'], expected, rtol=1e-6, atol=0)
    total = sum(value for key, value in out.items() if key.startswith('loss'))
    torch.testing.assert_close(total, expected, rtol=1e-6, atol=0)
    assert set(model.take_step_record().losses) == {'cls', 'heads'}
    assert {key for key in out if key.startswith('ce_')} == {'ce_video', 'ce_audio', 'ce_fused'}


def test_objective_without_heads_says_what_to_place_before_it():
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, loss_weight=0.)
    model = model_of(cls_head=head, objectives=[dict(type='mmda_ext.BlendedClassification')])
    with pytest.raises(ValueError, match='BlendedClassification needs a class head for every modality'):
        model(**model.data_preprocessor(batch_of()), mode='loss')
    with pytest.raises(TypeError):
        MODELS.build(dict(type='mmda_ext.BlendedClassification'))


def test_one_head_alone_moves_nothing_of_the_others():
    model, objective = objective_of()
    objective.weights.copy_(torch.tensor([0., 1., 0.]))
    out = model(**model.data_preprocessor(batch_of()), mode='loss')
    out['loss_blend'].backward()
    moved = {name.split('.')[0:3][1 if name.startswith('backbones') else 0] for name, parameter in
             model.named_parameters() if parameter.grad is not None and parameter.grad.abs().sum() > 0}
    assert moved == {'audio', 'modality_heads'}


@pytest.mark.parametrize('optimizer', ['Adam', 'SGD'])
def test_a_trial_leaves_no_trace(tmp_path, optimizer):
    cfg = feature_config('g-blend', tmp_path, tmp_path / 'run', 2, **{'optim_wrapper.accumulative_counts': 3})
    cfg.optim_wrapper.optimizer = dict(type=optimizer, lr=.01, **({'momentum': .9} if optimizer == 'SGD' else {}))
    cfg.param_scheduler = [dict(type='LinearLR', start_factor=.1, by_epoch=False, end=5)]
    del cfg.custom_hooks[-1]
    states = []

    @HOOKS.register_module(force=True)
    class Try(Hook):
        priority = 'ABOVE_NORMAL'

        def before_train_epoch(self, runner):
            states.append(self.state(runner))
            with trial(runner):
                train_epochs(runner, 2, lambda: None)
                states.append(self.state(runner))
            states.append(self.state(runner))

        def state(self, runner):
            return dict(model={key: value.clone() for key, value in runner.model.state_dict().items()},
                        grads=[p.grad for p in runner.model.parameters()], rng=torch.get_rng_state(),
                        optimizer=copy.deepcopy(runner.optim_wrapper.optimizer.state_dict()['state']),
                        lr=runner.optim_wrapper.get_lr(), schedule=runner.param_schedulers[0].state_dict(),
                        count=runner.optim_wrapper._inner_count, epoch=runner.train_dataloader.sampler.epoch,
                        logged=sorted(runner.message_hub.log_scalars))

    without = checkpoint_of(cfg.copy(), tmp_path / 'without')
    cfg.custom_hooks.append(dict(type='mmda_ext.Try'))
    with_trials = checkpoint_of(cfg, tmp_path / 'with')
    assert len(states) == 6
    for start in (0, 3):
        before, inside, after = states[start:start + 3]
        # The sampler belongs to the epoch that comes; before the hook it still stood at the last one.
        before.pop('epoch'), after.pop('epoch')
        assert_same(before, after, 'state')
        assert not torch.equal(before['model']['modality_heads.face.weight'],
                               inside['model']['modality_heads.face.weight'])
    assert_same(without['state_dict'], with_trials['state_dict'], 'model')
    assert_same(without['optimizer'], with_trials['optimizer'], 'optimizer')


def checkpoint_of(cfg, work_dir):
    cfg.work_dir = str(work_dir)
    run(cfg)
    return checkpoint(work_dir, 'epoch_2.pth')


def test_a_trial_that_fails_leaves_no_trace(tmp_path):
    runner = runner_of(feature_config('g-blend', tmp_path, tmp_path / 'run', 1))
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with trial(runner):
            train_epochs(runner, 1, stop)
    assert_same(before, dict(runner.model.state_dict()), 'model')


@pytest.mark.parametrize(('mode', 'changes'), [('online', 2), ('offline', 1), ('boundaries', 1)])
def test_the_run_is_that_of_its_weights(tmp_path, mode, changes):
    """A run that is given the weights at the right time, and nothing else, ends with the same bits."""
    runner = run(config(tmp_path, tmp_path / 'run', mode))
    found = list(zip(*logged(runner).values()))
    assert len(found) == changes
    for weights in found:
        assert sum(weights) == pytest.approx(1)
        assert min(weights) >= 0
    epochs = {'online': (0, 2), 'offline': (0, ), 'boundaries': (2, )}[mode]
    cfg = config(tmp_path, tmp_path / 'given')
    cfg.custom_hooks[-1] = dict(type='mmda_ext.SameWeights', schedule=dict(zip(epochs, map(list, found))))
    run(cfg)
    one, two = (checkpoint(tmp_path / folder, 'epoch_4.pth') for folder in ('run', 'given'))
    assert_same(one['state_dict'], two['state_dict'], 'model')
    assert_same(one['optimizer'], two['optimizer'], 'optimizer')
    assert one['state_dict'][WEIGHTS].tolist() == pytest.approx(list(found[-1]))


def test_boundaries_use_the_saved_epochs(tmp_path):
    cfg = config(tmp_path, tmp_path / 'run', 'boundaries', epochs=5, gain='absolute')
    cfg.default_hooks.checkpoint.max_keep_ckpts = -1
    runner = run(cfg)
    times = []
    for epoch in (2, 4):
        runner.model.load_state_dict(checkpoint(tmp_path / 'run', f'epoch_{epoch}.pth')['state_dict'])
        times.append(mean_losses(runner))
    expected = blend_weights(torch.stack([times[0][0], times[1][0]]), torch.stack([times[0][1], times[1][1]]),
                             'absolute')
    assert [values[1] for values in logged(runner).values()] == pytest.approx(expected.tolist(), rel=1e-4)
    torch.testing.assert_close(torch.tensor(runner.message_hub.get_info(LAST)).double(), times[1], rtol=1e-5, atol=1e-6)


def test_offline_is_what_separate_runs_would_find(tmp_path):
    """Each head trained alone, in a run of its own, from the same start."""
    runner = run(config(tmp_path, tmp_path / 'run', 'offline', epochs=2, gain='absolute'))
    before = after = None
    for head in range(3):
        cfg = config(tmp_path, tmp_path / f'head{head}', epochs=2)
        one_hot = [float(index == head) for index in range(3)]
        cfg.custom_hooks[-1] = dict(type='mmda_ext.SameWeights', schedule={0: one_hot})
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook['type'] != 'mmda_ext.TestBestHook']
        alone = runner_of(cfg)
        alone.model.init_weights()
        start = {key: value.clone() for key, value in alone.model.state_dict().items()}
        alone.train()
        ended = mean_losses(alone)
        alone.model.load_state_dict(start)
        before = mean_losses(alone)
        after = before.clone() if after is None else after
        after[:, head] = ended[:, head]
    expected = blend_weights(torch.stack([before[0], after[0]]), torch.stack([before[1], after[1]]), 'absolute')
    assert [values[0] for values in logged(runner).values()] == pytest.approx(expected.tolist(), rel=1e-3)


@pytest.mark.parametrize(('mode', 'where', 'epoch'), [('online', 'training', 2), ('online', 'training', 3),
                                                      ('boundaries', 'validation', 3)])
def test_resumed_run_equals_uninterrupted(tmp_path, mode, where, epoch):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    run(config(tmp_path, whole, mode))
    cfg = config(tmp_path, parts, mode)
    cfg.custom_hooks.append(dict(type='mmda_ext.KillHook', where=where, epoch=epoch))
    with pytest.raises(Killed):
        run(cfg)
    cfg = config(tmp_path, parts, mode)
    cfg.resume = True
    run(cfg)
    one, two = (checkpoint(folder, 'epoch_4.pth') for folder in (whole, parts))
    assert_same(one['state_dict'], two['state_dict'], 'model')
    assert_same(one['optimizer'], two['optimizer'], 'optimizer')


def test_the_target_never_enters_the_weights(tmp_path):
    """Target samples in validation, whose selection key is a source metric, change nothing."""
    plain = run(config(tmp_path, tmp_path / 'plain', 'boundaries', epochs=3))
    cfg = config(tmp_path, tmp_path / 'mixed', 'boundaries', epochs=3)
    cfg.val_dataloader.dataset = dict(type='mmengine.ConcatDataset', ignore_keys=['domains'], datasets=[
        {**cfg.val_dataloader.dataset, 'domains': SOURCES},
        {**cfg.val_dataloader.dataset, 'domains': ('z', ), 'split': 'test'}])
    cfg.default_hooks.checkpoint.save_best = 'source/acc/top1'
    assert logged(run(cfg)) == logged(plain)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(mode='never'), "mode='never' is unknown"),
    (dict(gain='abs'), "gain='abs' is unknown"),
    (dict(super_epoch=0), 'super_epoch=0 must be an integer >= 1'),
])
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GradientBlendingHook(**options)


def test_models_that_cannot_be_blended_are_refused(tmp_path):
    cfg = config(tmp_path, tmp_path / 'twice')
    cfg.model.cls_head.loss_weight = 1.0
    with pytest.raises(ValueError, match='cls_head.loss_weight=1.0 adds once more'):
        run(cfg)
    cfg = config(tmp_path, tmp_path / 'without')
    del cfg.model.objectives[2]
    with pytest.raises(ValueError, match='the model has 0: put one'):
        run(cfg)
