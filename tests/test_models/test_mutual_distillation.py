"""The divergence between heads of the modalities (BALGRAD; Kwon et al., NAACL 2025), and heads with one loss each."""

import pytest
import torch
from torch.nn import functional as F

from mmda_ext.models.objectives import LocalClassification, MutualDistillation
from mmda_ext.models.step import StepRecord
from tests.steps import given, heads_of

WIDTHS = dict(video=3, audio=4, flow=5)


def record_of(logits):
    labels = torch.zeros(len(next(iter(logits.values()))), dtype=torch.long)
    return given({}, labels, labels, modality_logits=logits, logits=torch.zeros(()))


@pytest.mark.parametrize('count', [2, 3])
def test_value_and_gradient_against_the_definition(count):
    torch.manual_seed(0)
    logits = {m: torch.randn(6, 3, dtype=torch.float64, requires_grad=True) for m in list(WIDTHS)[:count]}
    objective = MutualDistillation(dict(in_channels={m: WIDTHS[m] for m in logits}), loss_weight=2.)
    got = objective(record_of(logits))['loss_kl']
    total = 0.0
    for m, own in logits.items():
        others = torch.stack([value.detach() for name, value in logits.items() if name != m]).mean(0)
        p, q = others.softmax(1), own.softmax(1)
        total = total + (p * (p / q).log()).sum(1).mean()
        grad, = torch.autograd.grad(got, own, retain_graph=True)
        # Only the own term: as a target, the prediction is held fixed.
        torch.testing.assert_close(grad, 2 * (q - p).detach() / len(own))
    torch.testing.assert_close(got, 2 * total)


def test_known_answer():
    """p = (.5, .5) and (.8, .2): KL(.8,.2 || .5,.5) = .192745, KL(.5,.5 || .8,.2) = .223144."""
    logits = dict(video=torch.tensor([[.5, .5]]).log(), audio=torch.tensor([[.8, .2]]).log())
    objective = MutualDistillation(dict(in_channels=dict(video=1, audio=1)))
    assert float(objective(record_of(logits))['loss_kl']) == pytest.approx(.192745 + .223144, abs=1e-6)


def test_agreement_costs_nothing_and_unlabelled_samples_count():
    same = torch.randn(4, 3)
    objective = MutualDistillation(dict(in_channels=dict(video=1, audio=1)))
    assert float(objective(record_of(dict(video=same, audio=same)))['loss_kl']) == pytest.approx(0, abs=1e-6)
    record = record_of(dict(video=same, audio=-same))
    labelled = float(objective(record)['loss_kl'])
    record.labels = torch.full((4, ), -1)
    assert float(objective(record)['loss_kl']) == labelled > 0


def test_refusals():
    with pytest.raises(ValueError, match='MutualDistillation compares modalities and needs 2 or more'):
        MutualDistillation(dict(in_channels=dict(video=1)))
    objective = MutualDistillation(dict(in_channels=dict(video=1, audio=1)))
    step = given({}, torch.zeros(1), torch.zeros(1))
    with pytest.raises(ValueError, match='MutualDistillation needs a class head for every modality: add'):
        objective(step)


def test_one_loss_for_each_head():
    """By modality: own tasks, own values, the same sum, heads that are not balanced."""
    torch.manual_seed(0)
    fusion = dict(in_channels=WIDTHS)
    features = {m: torch.randn(5, width) for m, width in WIDTHS.items()}
    labels = torch.tensor([0, 1, 2, -1, 1])
    joint = LocalClassification(fusion)
    apart = LocalClassification(fusion, task='heads', by_modality=True, balanced_heads=False)
    heads = heads_of(WIDTHS).float()
    record = given(features, labels, labels, modality_classifiers=heads)
    whole, parts = joint(record)['loss_cls'], apart(record)
    assert set(parts) == {f'loss_heads/{m}' for m in WIDTHS}
    torch.testing.assert_close(sum(parts.values()), whole)
    expected = 3 * F.cross_entropy(heads['audio'](features['audio'][labels >= 0]), labels[labels >= 0])
    torch.testing.assert_close(parts['loss_heads/audio'], expected)
    filed = StepRecord(record)
    filed.add(parts, apart.task)
    assert set(filed.losses) == {f'heads/{m}' for m in WIDTHS}
    assert apart.local_parameters(heads) == {}
    assert set(joint.local_parameters(heads)) == set(WIDTHS)
