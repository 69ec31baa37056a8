"""CMRF's teacher: the average, what it teaches, what it predicts, and that it lives and resumes with the model."""

import copy
import random

import pytest
import torch
from mmengine.runner import Runner

from mmda_ext import compat
from mmda_ext.models import AveragedTeacher
from mmda_ext.models.objectives import CrossModalDistillation
from mmda_ext.models.objectives import cross_modal_distillation as distillation
from mmda_ext.models.objectives.cross_modal_distillation import mix, mixture_weights
from mmda_ext.models.projection import direction_distance
from mmda_ext.registry import DATASETS
from tests.steps import given
from tests.test_engine.test_balanced_wrapper import NoNorm
from tests.test_models.mmdg_models import mmdg_model, recipe
from tests.tiny import batch_of, model_of, wrapper_of
from tests.toy_run import toy_config
from tests.two_processes import run_in_two_processes

GMP = dict(type='mmda_ext.GMP')


def cmrf(start=1, modalities=('video', 'audio'), **options):
    model = mmdg_model('cmrf', modalities, changes={'CrossModalDistillation': dict(start=start)}, **options)
    return model, model.objectives[-1]


# The average (CMRF; Fan et al., NeurIPS 2024).


@pytest.mark.parametrize('start', [1, 3])
def test_copy_until_the_start_then_a_simple_average(start):
    torch.manual_seed(0)
    student = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).double()
    teacher = AveragedTeacher(student, start)
    history = []
    for step in range(1, 8):
        for parameter in student.parameters():
            parameter.data.add_(torch.randn_like(parameter))
        student(torch.randn(5, 3, dtype=torch.float64))
        teacher.update(student)
        history.append({name: value.clone() for name, value in student.state_dict().items()})
        assert teacher.num_updates == int(teacher.updates) == step
        for name, value in teacher.module.state_dict().items():
            # n students after the start, and the last copy as one of n + 1.
            states = [state[name] for state in history[min(step, start) - 1:]]
            expected = states[-1] if name.endswith('num_batches_tracked') else sum(states) / len(states)
            torch.testing.assert_close(value, expected)
    assert len(states) == 7 - start + 1
    with pytest.raises(ValueError, match='start=0 must be at least 1'):
        AveragedTeacher(student, 0)


def test_first_averaged_step_weighs_one_half():
    student = torch.nn.Linear(1, 1, bias=False)
    teacher = AveragedTeacher(student, start=2)
    for value, expected in ((4., 4.), (8., 8.), (0., 4.), (10., 6.)):
        student.weight.data.fill_(value)
        teacher.update(student)
        assert float(teacher.module.weight) == pytest.approx(expected)


def test_teacher_never_trains():
    model, objective = cmrf()
    teacher = objective.teacher
    model.train()
    assert not any(part.training for part in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    owned = {id(parameter) for parameter in teacher.parameters()}
    moved = [p for own in (model.encoder_parameters(), model.local_parameters()) for ps in own.values() for p in ps]
    assert not owned & {id(p) for p in moved}
    wrapper = wrapper_of(model, balancer=GMP)
    teacher.update(model)
    before = copy.deepcopy(teacher.state_dict())
    model.train_step(batch_of(), wrapper)
    assert not owned & {id(p) for p in wrapper._parameters_of(model).heads}
    assert not any(p.grad is not None for p in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items()), 'BN buffers included'
    parts = {name.split('.')[1] for name, _ in teacher.named_parameters()}
    assert parts == {'backbones', 'cls_head', 'objectives', 'modality_heads'}


# Mixing and distillation.


def test_mixing_known_answer():
    first, second = torch.tensor([[1., 0]]), torch.tensor([[0., 1]])
    torch.testing.assert_close(mix(first, second, torch.tensor([[.8]])), torch.tensor([[.8, .2]]))
    torch.testing.assert_close(mix(first, second, torch.tensor([[.3]])), torch.tensor([[.3, .7]]))


def test_mixture_weights_are_those_of_rejection_sampling():
    torch.manual_seed(0)
    own, other = mixture_weights(torch.zeros(20000, 1), .1)
    assert own.shape == other.shape == (20000, 1)
    assert bool((own >= .5).all())
    assert bool((other <= .5).all())
    draws = torch.distributions.Beta(.1, .1).sample((60000, ))
    for got, kept in ((own, draws[draws > .5]), (other, draws[draws < .5])):
        for q in (.1, .2, .5, .8):
            assert float(got.quantile(q)) == pytest.approx(float(kept[:20000].quantile(q)), abs=.02)
    assert abs(float(torch.corrcoef(torch.cat([own, other], 1).T)[0, 1])) < .05, 'two draws, not one'


@pytest.mark.parametrize('modalities', [('video', 'audio'), ('video', 'audio', 'flow')], ids=len)
def test_distillation_against_the_formula(modalities, monkeypatch):
    monkeypatch.setattr(distillation, 'mixture_weights', lambda like, alpha: (
        torch.full_like(like[:, :1], .8), torch.full_like(like[:, :1], .3)))
    model, objective = cmrf(modalities=modalities)
    objective.teacher.update(model)
    for parameter in objective.teacher.parameters():
        parameter.data.add_(.1)
    data = model.data_preprocessor(batch_of(modalities), True)
    losses = model(**data, mode='loss')
    record = model.take_step_record()
    teacher, own = objective.teacher.module, model.objectives[1].projections(record.step)
    taught = {name: teacher.objectives[1].heads[name](teacher.backbones[name](data['inputs'][name]))
              for name in modalities}
    expected = 0.
    for i, first in enumerate(modalities):
        for second in modalities[i + 1:]:
            for name, share in ((first, .8), (second, .3)):
                target = share * taught[first] + (1 - share) * taught[second]
                factor = .5 if name == 'audio' else 1.
                expected += 3 * factor * direction_distance(own[name], target)
    torch.testing.assert_close(losses['loss_distillation'], expected)
    assert losses['loss_distillation'].requires_grad


def test_nothing_is_distilled_until_the_teacher_is_an_average():
    model, objective = cmrf(start=2)
    keys = []
    for _ in range(4):
        keys.append('loss_distillation' in model.train_step(batch_of(), wrapper_of(model, 'OptimWrapper')))
        objective.teacher.update(model)
    assert keys == [False, False, True, True], 't > t0 only'


def test_forgotten_hook_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(distillation, 'print_log', lambda message, **_: said.append(message))
    model, _ = cmrf(start=2)
    for _ in range(5):
        model.train_step(batch_of(), wrapper_of(model, 'OptimWrapper'))
    assert len(said) == 1
    assert 'AveragedTeacherHook' in said[0]


def test_parts_that_must_be_there():
    objectives = recipe('cmrf')['objectives']
    with pytest.raises(ValueError, match='add mmda_ext.SupervisedContrastive'):
        model_of(objectives=objectives[:1] + objectives[2:])
    fusion = dict(in_channels=dict(a=2, b=2))
    for options, match in ((dict(alpha=0), 'alpha=0 must be'), (dict(modality_weights=dict(c=1)), "names .'c'"),
                           (dict(fusion=dict(in_channels=dict(a=2))), 'needs 2 or more')):
        with pytest.raises(ValueError, match=match):
            CrossModalDistillation(**{'fusion': fusion, **options})
    model, objective = cmrf()
    objective.teacher.update(model)
    with pytest.raises(ValueError, match='lacks modality'):
        objective(given({}, torch.zeros(2), torch.zeros(2)))


# What it predicts.


def test_four_accuracies():
    model, objective = cmrf()
    model.eval()
    data = model.data_preprocessor(batch_of(), False)
    for sample in model(**data, mode='predict'):
        assert not {'teacher', 'teacher_ensemble'} & set(sample.predictor_scores), 'it never learned: it says nothing'
    objective.teacher.update(model)
    for parameter in objective.teacher.parameters():
        parameter.data.add_(.3)
    samples = model(**model.data_preprocessor(batch_of(), False), mode='predict')
    teacher = objective.teacher.module
    for owner, fused, ensemble in ((model, None, 'all'), (teacher, 'teacher', 'teacher_ensemble')):
        features = {m: owner.backbones[m](data['inputs'][m]) for m in owner.modalities}
        heads = owner.modality_heads
        logits = owner.cls_head(features)
        mean = (logits + heads['video'](features['video']) + heads['audio'](features['audio'])) / 3
        for index, sample in enumerate(samples):
            own = sample.predictor_scores[fused] if fused else sample.pred_score
            torch.testing.assert_close(own, logits[index].softmax(0))
            torch.testing.assert_close(sample.predictor_scores[ensemble], mean[index].softmax(0))


# In a run.


@DATASETS.register_module()
class FeatureSet(torch.utils.data.Dataset):
    """Batches of ``tests.tiny`` one sample at a time."""

    metainfo = {'classes': tuple('abc')}

    def __init__(self, size=18, dtype=torch.float32):
        self.batch = batch_of(size=size, dtype=dtype)

    def __len__(self):
        return len(self.batch['inputs'])

    def __getitem__(self, index):
        return {key: values[index] for key, values in self.batch.items()}


def config(work_dir, epochs, start=2, **changes):
    """A CMRF run: three steps an epoch."""
    model = recipe('cmrf', adversary=True)
    model['objectives'][-1]['start'] = start
    cfg = toy_config(work_dir, epochs=epochs)
    hooks = [*cfg.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
    loaders = {f'{part}_dataloader': dict(
        batch_size=6, num_workers=0, dataset=dict(_delete_=True, type='mmda_ext.FeatureSet'),
        collate_fn=dict(type='pseudo_collate')) for part in ('train', 'val', 'test')}
    cfg.merge_from_dict(dict(
        model=dict(
            _delete_=True, type='mmda_ext.MultimodalRecognizer',
            backbones=dict(video=encoder(6), audio=encoder(5)),
            fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=8, audio=8), hidden_channels=16),
            data_preprocessor=dict(
                type='mmda_ext.MultimodalDataPreprocessor', preprocessors=dict(video=None, audio=None)),
            **model),
        **loaders, custom_hooks=hooks,
        optim_wrapper=dict(type='mmda_ext.BalancedOptimWrapper', balancer=GMP)))
    cfg.merge_from_dict(changes)
    return cfg


def encoder(width):
    return dict(type='mmda_ext.MLPBackbone', in_channels=width, hidden_channels=(8, ), dropout=.2, norm=True)


def run(cfg):
    compat.allow_mmengine_checkpoints()
    cfg.experiment_name = f'run{random.SystemRandom().random()}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def state_of(runner):
    return {name: value.clone() for name, value in runner.model.state_dict().items()}


def test_resumed_teacher_equals_uninterrupted(tmp_path):
    whole = run(config(tmp_path / 'whole', 2))
    teacher = whole.model.objectives[-1].teacher
    assert teacher.num_updates == 6
    weight = 'cls_head.fusion.output.weight'
    assert not torch.equal(teacher.module.state_dict()[weight], whole.model.state_dict()[weight])
    run(config(tmp_path / 'cut', 1))
    resumed = run(config(tmp_path / 'cut', 2, resume=True))
    one, two = state_of(whole), state_of(resumed)
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(two[name], value), name
    assert resumed.model.objectives[-1].teacher.num_updates == 6


def test_checkpoint_of_a_run_is_tested_with_its_teacher(tmp_path):
    runner = run(config(tmp_path, 2))
    path = tmp_path / 'epoch_2.pth'
    cfg = config(tmp_path, 2, load_from=str(path))
    cfg.experiment_name = 'again'
    again = Runner.from_cfg(cfg)
    metrics = again.test()
    for name in ('acc/top1', *(f'predictor/{kind}/acc/top1' for kind in ('teacher', 'all', 'teacher_ensemble'))):
        assert 0 <= metrics[name] <= 100
    assert all(torch.equal(value, runner.model.state_dict()[name]) for name, value in again.model.state_dict().items())
    again.model.load_state_dict(compat.load_from_local(path)['state_dict'], strict=True)
    copied = copy.deepcopy(again.model)
    assert copied.objectives[-1].teacher.num_updates == 6
    assert copied.objectives[-1].teacher.module is not again.model.objectives[-1].teacher.module


def test_selection_by_the_teachers_ensemble(tmp_path):
    key = 'predictor/teacher_ensemble/acc/top1'
    cfg = config(tmp_path, 2)
    cfg.default_hooks.checkpoint.save_best = key
    runner = run(cfg)
    assert key in runner.message_hub.get_info('best_metrics')


def test_parts_of_an_accumulated_step_do_not_count(tmp_path):
    runner = run(config(tmp_path, 2, **{'optim_wrapper.accumulative_counts': 3}))
    assert runner.model.objectives[-1].teacher.num_updates == 2


def test_hook_needs_a_teacher(tmp_path):
    cfg = toy_config(tmp_path, epochs=1)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
    with pytest.raises(ValueError, match='the model has no averaged teacher'):
        run(cfg)


def _step(rank):
    model, objective = cmrf(backbone=NoNorm)
    objective.teacher.update(model)
    ddp = torch.nn.parallel.DistributedDataParallel(model)
    batch = batch_of(seed=rank)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=.1)
    for _ in range(2):
        losses = ddp(**model.data_preprocessor(batch, True), mode='loss')
        sum(value for key, value in losses.items() if 'loss' in key).backward()
        optimizer.step()
        optimizer.zero_grad()
        objective.teacher.update(model)
    weights = torch.cat([p.reshape(-1) for p in objective.teacher.parameters()])
    both = [torch.zeros_like(weights) for _ in range(2)]
    torch.distributed.all_gather(both, weights)
    torch.testing.assert_close(both[0], both[1])


@pytest.mark.slow
def test_teacher_under_ddp():
    """Without a search for unused parameters: those of the teacher ask for no gradient."""
    run_in_two_processes(_step)
