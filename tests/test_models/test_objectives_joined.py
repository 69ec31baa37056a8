"""Losses in data-parallel training: two processes with a part each do what one with the whole does."""

import copy

import pytest
import torch

from mmda_ext.models import objectives as own
from mmda_ext.models.fusions import ConcatFusion
from mmda_ext.models.joining import joined_mean
from tests.steps import given
from tests.test_engine.test_balanced_wrapper import without_dropout
from tests.test_models.test_objectives_alignment import features_of
from tests.two_processes import run_in_two_processes

WIDTHS = dict(type='mmda_ext.ConcatFusion', in_channels=dict(a=4, b=4), hidden_channels=None)
STILL = dict(type='mmda_ext.FeatureView', dropout=0.0, noise=0.0)
#: The same at any progress of a training that another test left behind.
STEADY = dict(ramp=dict(lo=1.0, hi=1.0))
OBJECTIVES = {
    'mk_mmd': lambda: own.MKMMD(WIDTHS, placement='both'),
    'ddc': lambda: own.MKMMD(WIDTHS, kernel='linear', estimator='biased'),
    'jan': lambda: own.JAN(WIDTHS), 'instance': lambda: own.JDDA(3, WIDTHS),
    'centre': lambda: own.JDDA(3, WIDTHS, form='centre'),
    'pcl': lambda: own.PCL(WIDTHS, views=dict(a=STILL, b=STILL), placement='per_modality'),
    'coral': lambda: own.CorrelationAlignment(WIDTHS, alpha2='auto'),
    'amanda': lambda: own.Amanda(WIDTHS, reweight=False),
    'a3d2': lambda: own.A3D2(3, WIDTHS, 'a', transport=dict(start=0), **STEADY),
    'dann': lambda: own.DANN(WIDTHS, **STEADY), 'cdan': lambda: own.CDAN(3, WIDTHS, entropy=True, **STEADY),
    'mada': lambda: own.MADA(3, WIDTHS, placement='both', **STEADY),
    'daln': lambda: own.DALN(WIDTHS, placement='both', **STEADY),
    'mdan soft': lambda: own.MDAN(3, WIDTHS), 'mdan hard': lambda: own.MDAN(3, WIDTHS, mode='hard'),
    'dada2020': lambda: own.DADA2020(WIDTHS, **STEADY), 'relative norm': lambda: own.RelativeNormAlignment(WIDTHS),
    'splitting': lambda: own.FeatureSplitting(WIDTHS, margin=3.0),
    'contrastive': lambda: frozen_norms(own.SupervisedContrastive(WIDTHS, hidden_channels=6, out_channels=3)),
    'voting': lambda: own.VotingPseudoLabel(WIDTHS, min_votes=2),
    'irm': lambda: own.IRM(3, begin=0), 'vrex': lambda: own.VREx(3, begin=0, features='modalities'),
    'dro': lambda: own.GroupDRO(3, eta=.5), 'source mmd': lambda: own.SourceMMD(3),
    'source coral': lambda: own.SourceCORAL(3), 'sd': lambda: own.SpectralDecoupling(),
    'entropy': lambda: own.InformationBottleneck(WIDTHS, beta=1.0, loss_weight=0.0, estimator='ema')}
#: Rows of each process: 4 + 2 and 3 + 3 samples of source and target; each domain on a process of its own.
PARTS = dict(mixed=([0, 1, 2, 3, 7, 8], [4, 5, 6, 9, 10, 11]), apart=([0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11]))


def frozen_norms(objective):
    """Batch normalisation joins processes only as SyncBN, which needs GPUs: running statistics instead."""
    for part in objective.modules():
        if isinstance(part, torch.nn.BatchNorm1d):
            part.train = lambda mode=True, part=part: part
            part.training = False
    return objective


def record_of(rows):
    features, is_target = features_of(7, 5, (4, 4))
    features = {name: value[rows].requires_grad_() for name, value in zip('ab', features.values())}
    labels = torch.where(is_target, -1, torch.arange(12) % 3)[rows]
    record = given(features, labels, labels, is_target=is_target[rows], inputs=features,
                   encoder=lambda inputs, count, evaluation: inputs)
    torch.manual_seed(0)
    heads = {name: torch.nn.Linear(4, 3).double() for name in features}
    record.modality_logits = {name: heads[name](value) for name, value in features.items()}
    record.modality_classifiers, record.classifier = heads, ConcatFusion(dict(a=4, b=4), 3, None).double()
    record.logits = record.classifier(features)
    # Of equal size on both processes, so that its gradients are those of a joined mean.
    return record, dict(cls=joined_mean(record.logits.square().sum(1)))


def outcome(name, rows):
    """Loss, gradients at features and parameters, and buffers after one step."""
    torch.manual_seed(1)
    objective, (record, losses) = without_dropout(OBJECTIVES[name]().double()), record_of(rows)
    out = objective(record, losses) if objective.reads_losses else objective(record)
    loss = sum(value for key, value in out.items() if key.startswith('loss'))
    parameters = [*objective.parameters(), *record.classifier.parameters(),
                  *(p for head in record.modality_classifiers.values() for p in head.parameters())]
    wanted = [*record.features.values(), *parameters]
    grads = torch.autograd.grad(loss, wanted, allow_unused=True)
    grads = [torch.zeros_like(value) if grad is None else grad for value, grad in zip(wanted, grads)]
    return loss.detach(), grads[:2], grads[2:], copy.deepcopy(dict(objective.named_buffers()))


def compare(rank, outcomes):
    for kind, parts in PARTS.items():
        rows = torch.tensor(parts[rank])
        for name, (expected, whole, parameters, state) in outcomes.items():
            say = f'{name}, {kind}'
            loss, grads, moved, buffers = outcome(name, rows)
            torch.testing.assert_close(loss, expected, msg=say)
            for one, two in zip(grads, whole):
                # Data-parallel training takes the mean over both processes.
                torch.testing.assert_close(one / 2, two[rows], msg=say)
            for one, two in zip(moved, parameters):
                torch.distributed.all_reduce(one)
                torch.testing.assert_close(one / 2, two, msg=say)
            for key, value in state.items():
                torch.testing.assert_close(buffers[key], value, msg=f'{say} {key}')


@pytest.mark.slow
def test_two_processes_take_the_loss_of_the_joined_batch():
    outcomes = {name: outcome(name, torch.arange(12)) for name in OBJECTIVES}
    assert {name for name, (*_, state) in outcomes.items() if state} >= {'centre', 'a3d2', 'coral', 'dro', 'entropy'}
    assert not any(loss == 0 for loss, *_ in outcomes.values())
    run_in_two_processes(compare, outcomes)


@pytest.mark.parametrize('name', ['daln', 'cdan', 'mdan soft', 'relative norm', 'splitting', 'contrastive',
                                  'vrex', 'dro', 'source mmd', 'source coral'])
def test_halves_alone_have_other_gradients(name):
    """Otherwise the parity above would say nothing of them."""
    whole, *parts = (outcome(name, torch.tensor(rows)) for rows in (range(12), *PARTS['mixed']))
    differ = []
    for feature, expected in enumerate(whole[1]):
        joined = torch.zeros_like(expected)
        for rows, part in zip(PARTS['mixed'], parts):
            joined[rows] = part[1][feature] / 2
        differ.append(not torch.allclose(joined, expected, rtol=1e-3))
    assert any(differ)


def test_joined_mean_of_nothing_is_zero():
    values = torch.ones(3, requires_grad=True)
    for weights in (torch.zeros(3), torch.zeros(3, dtype=torch.bool)):
        value = joined_mean(values, weights)
        assert float(value.detach()) == 0
        assert not torch.autograd.grad(value, values)[0].any()
    assert float(joined_mean(torch.tensor([1., 3]), torch.tensor([3, 1]))) == 1.5
