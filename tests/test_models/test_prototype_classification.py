"""PMR: distances to prototypes by hand, who is behind, and prototypes of whole runs sample by sample."""

import json

import numpy as np
import pytest
import torch

from mmda_ext import compat
from mmda_ext.engine.hooks import PrototypesHook
from mmda_ext.models.objectives.prototype_classification import PrototypeClassification, weights_of_those_behind
from tests.steps import given
from tests.test_engine.feature_run import SOURCES, checkpoint, feature_config, run, write_features
from tests.test_engine.test_hooks import Killed  # noqa: F401  (registers KillHook)
from tests.two_processes import run_in_two_processes

F64 = torch.float64


def objective_of(prototypes, known=None, **options):
    """With the given prototypes ``{m: (C, D)}``."""
    widths = {name: len(rows[0]) for name, rows in prototypes.items()}
    count = len(next(iter(prototypes.values())))
    objective = PrototypeClassification(dict(in_channels=widths), count, **options).double()
    for name, rows in prototypes.items():
        objective.prototypes(name).copy_(torch.tensor(rows, dtype=F64))
    objective.known |= torch.tensor(known or [True] * count)
    return objective


def step_of(labels=(0, 1), **features):
    rows = {name: torch.tensor(value, dtype=F64, requires_grad=True) for name, value in features.items()}
    return given(rows, torch.tensor(labels), torch.zeros(len(labels), dtype=torch.long))


def slow(objective, step):
    """The loss in the words of the page, one sample and one class at a time."""
    sums, losses = [], []
    for name in objective.names:
        right = []
        for z, y in zip(step.features[name], step.labels.tolist()):
            if y >= 0 and objective.known[y]:
                close = {c: (-(z - row).square().sum().sqrt()).exp()
                         for c, row in enumerate(objective.prototypes(name)) if objective.known[c]}
                right.append(close[y] / sum(close.values()))
        sums.append(float(sum(right)))
        losses.append(-sum(value.log() for value in right) / max(len(right), 1))
    spread = max(sums) - min(sums)
    return sum((max(sums) - own) / spread * loss for own, loss in zip(sums, losses))


def test_known_answer():
    """Modality a is behind: its loss alone counts. b sits next to its prototypes."""
    objective = objective_of(dict(a=[[0., 1.], [2., 0.]], b=[[0.], [9.]]))
    step = step_of(a=[[0., 0.], [1., 1.]], b=[[.1], [8.9]])
    torch.testing.assert_close(objective.similarities('a', step.features['a']),
                               -torch.tensor([[1., 2.], [1., 2**.5]], dtype=F64))
    out = objective(step)
    assert float(out['loss_prototypes'].detach()) == pytest.approx(.617405, abs=1e-6)
    assert float(out.probes['prototypes'].confidences()[0]) == pytest.approx(1.128961, abs=1e-6)
    assert [float(out[f'prototypes_{name}']) for name in 'ab'] == [1, 0]


@pytest.mark.parametrize(('sums', 'weights'), [
    ([2., 1.], [0, 1]), ([1., 3., 2.], [1, 0, .5]), ([2., 2.], [0, 0]), ([0., 0., 0.], [0, 0, 0])])
def test_who_is_behind(sums, weights):
    torch.testing.assert_close(weights_of_those_behind(torch.tensor(sums)), torch.tensor(weights, dtype=torch.float32))


@pytest.mark.parametrize('known', [[True, True, True], [True, False, True]])
def test_three_modalities_by_the_slow_form(known):
    """Also with unlabelled samples and with a class that has no prototype."""
    generator = torch.Generator().manual_seed(0)
    rows = {name: torch.randn(3, 4, generator=generator).tolist() for name in 'abc'}
    objective = objective_of(rows, known)
    step = step_of([0, 1, 2, -1, 0, 2], **{name: torch.randn(6, 4, generator=generator).tolist() for name in 'abc'})
    loss, expected = objective(step)['loss_prototypes'], slow(objective, step)
    torch.testing.assert_close(loss, expected)
    features = list(step.features.values())
    for got, wanted in zip(*(torch.autograd.grad(value, features, retain_graph=True) for value in (loss, expected))):
        torch.testing.assert_close(got, wanted)
        assert not got[3].any()


def test_a_sample_on_its_prototype_has_a_finite_gradient():
    objective = objective_of(dict(a=[[0., 1.], [2., 0.]], b=[[0.], [9.]]))
    step = step_of(a=[[0., 1.], [2., 0.]], b=[[4.], [4.]])
    objective(step)['loss_prototypes'].backward()
    for name in 'ab':
        assert step.features[name].grad is None or step.features[name].grad.isfinite().all()
    torch.testing.assert_close(objective(step)['prototypes_b'], torch.tensor(1., dtype=F64))


def test_without_labels_or_prototypes(caplog):
    objective = objective_of(dict(a=[[0.], [1.]], b=[[0.], [1.]]))
    assert float(objective(step_of([-1, -1], a=[[0.], [1.]], b=[[0.], [1.]]))['loss_prototypes']) == 0
    fresh = PrototypeClassification(dict(in_channels=dict(a=1, b=1)), 2)
    said = [fresh(step_of(a=[[0.], [1.]], b=[[0.], [1.]])) for _ in range(3)]
    assert said == [{}, {}, {}]
    with pytest.raises(ValueError, match='PrototypeClassification compares modalities and needs 2 or more'):
        PrototypeClassification(dict(in_channels=dict(a=1)), 2)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(share=0), r'share=0 must be in \(0, 1\]'), (dict(share=1.1), 'share=1.1'),
    (dict(momentum=1), r'momentum=1 must be in \[0, 1\)'), (dict(momentum=-.1), 'momentum=-0.1')])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        PrototypesHook(**options)


def config(folder, work_dir, epochs=3, **options):
    cfg = feature_config('pmr', folder, work_dir, epochs)
    cfg.custom_hooks[-1].update(options)
    return cfg


def means(runner, state):
    """Of each class and modality by hand: training samples in evaluation mode."""
    model, dataset = runner.model, runner.train_dataloader.dataset
    model.load_state_dict(state)
    model.eval()
    samples = [dataset[index] for index in range(len(dataset))]
    labels = np.array([int(sample['data_samples'].gt_label) for sample in samples])
    out = {}
    for name in ('face', 'audio'):
        inputs = torch.stack([torch.as_tensor(sample['inputs'][name]) for sample in samples]).float()
        with torch.no_grad():
            rows = model.backbones[name](inputs)
        out[name] = torch.stack([rows[labels == label].mean(0) for label in range(3)])
    return out


def test_prototypes_of_a_run(tmp_path):
    """All samples read: the second prototypes are four fifths the means after an epoch, and one fifth the old."""
    runner = run(config(tmp_path, tmp_path / 'run', epochs=2, share=1.))
    one, two = (checkpoint(tmp_path / 'run', f'epoch_{epoch}.pth')['state_dict'] for epoch in (1, 2))
    assert one['objectives.0.known'].all()
    new = means(runner, one)
    for name, value in new.items():
        old = one[f'objectives.0.prototypes_{name}']
        torch.testing.assert_close(two[f'objectives.0.prototypes_{name}'], .8 * value + .2 * old, atol=1e-5, rtol=1e-5)
    history = runner.message_hub.log_scalars
    assert {'train/loss_prototypes', 'train/prototypes_face'} <= history.keys()


def test_a_share_is_drawn_anew_and_a_class_without_samples_stays(tmp_path):
    """One batch of eight samples, another one for each epoch."""
    runner = run(config(tmp_path, tmp_path / 'run', epochs=2, share=.1, momentum=0.))
    hook = next(hook for hook in runner.hooks if isinstance(hook, PrototypesHook))
    read = []
    for epoch in (0, 1):
        hook._training_set.sampler.set_epoch(epoch)
        read.append(next(iter(hook._training_set))['data_samples'])
    ids = [[sample.sample_id for sample in batch] for batch in read]
    assert set(ids[0]) != set(ids[1])
    objective = hook._objective(runner)
    before = {name: objective.prototypes(name).clone() for name in objective.names}
    hook._set(objective, {name: torch.ones_like(value).double() for name, value in before.items()},
              torch.tensor([2., 0., 1.]).double())
    for name, old in before.items():
        expected = torch.stack([torch.full_like(old[0], .5), old[1], torch.ones_like(old[2])])
        torch.testing.assert_close(objective.prototypes(name), expected)


def test_resumed_run_equals_uninterrupted(tmp_path):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    run(config(tmp_path, whole))
    cfg = config(tmp_path, parts)
    cfg.custom_hooks.append(dict(type='mmda_ext.KillHook', where='training', epoch=2))
    with pytest.raises(Killed):
        run(cfg)
    cfg = config(tmp_path, parts)
    cfg.resume = True
    run(cfg)
    one, two = (checkpoint(folder, 'epoch_3.pth')['state_dict'] for folder in (whole, parts))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_hook_without_its_objective_is_refused(tmp_path):
    cfg = feature_config('erm', tmp_path, tmp_path / 'run', 1)
    cfg.custom_hooks.append(dict(type='mmda_ext.PrototypesHook'))
    with pytest.raises(ValueError, match='PrototypesHook has nothing to set: add mmda_ext.PrototypeClassification'):
        run(cfg)


def _run(rank, folder):
    torch.set_num_threads(1)
    cfg = config(folder, folder / 'run', epochs=1, share=1.)
    cfg.launcher = 'pytorch'
    compat.prepare_cpu_distributed(cfg)
    state = run(cfg).model.module.state_dict()
    (folder / f'rank{rank}.json').write_text(json.dumps(
        {name: state[f'objectives.0.prototypes_{name}'].tolist() for name in ('face', 'audio')}))


def _compare(rank):
    """Confidences are those of all processes: who is behind on one of them alone does not matter."""
    objective = objective_of(dict(a=[[0.], [1.]], b=[[0.], [1.]]))
    rows = dict(a=[[0.], [1.]], b=[[.5], [.5]]), dict(a=[[.4], [.6]], b=[[0.], [1.]])
    out = objective(step_of(**rows[rank]))
    everybody = [torch.zeros(2, dtype=F64) for _ in range(2)]
    torch.distributed.all_gather(everybody, torch.stack([out['prototypes_a'], out['prototypes_b']]))
    torch.testing.assert_close(*everybody)
    assert everybody[0].tolist() == [0., 1.]


@pytest.mark.slow
def test_two_processes_share_prototypes_and_confidences(tmp_path):
    # An even number of training samples, so that none is dealt out twice.
    write_features(tmp_path / 'features.npz', size=96)
    run_in_two_processes(_compare)
    run_in_two_processes(_run, tmp_path)
    first, second = (json.loads((tmp_path / f'rank{rank}.json').read_text()) for rank in (0, 1))
    assert first == second
    alone = run(config(tmp_path, tmp_path / 'alone', epochs=1, share=1.))
    assert len(alone.train_dataloader.dataset) % 2 == 0
    assert alone.train_dataloader.dataset.source_domains == SOURCES
    state = alone.model.state_dict()
    for name, rows in first.items():
        torch.testing.assert_close(torch.tensor(rows), state[f'objectives.0.prototypes_{name}'])
