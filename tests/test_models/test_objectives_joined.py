"""Statistics of a batch in data-parallel training: two processes with a part each do what one with the whole does."""

import pytest
import torch

from mmda_ext.models.objectives import A3D2, JAN, JDDA, MKMMD, PCL, Amanda
from mmda_ext.models.step import StepRecord
from tests.test_models.test_objectives_alignment import features_of
from tests.two_processes import run_in_two_processes

WIDTHS = dict(in_channels=dict(a=4, b=4))
STILL = dict(type='mmda_ext.FeatureView', dropout=0.0, noise=0.0)
OBJECTIVES = {
    'mk_mmd': lambda: MKMMD(WIDTHS, placement='both'),
    'ddc': lambda: MKMMD(WIDTHS, kernel='linear', estimator='biased'),
    'jan': lambda: JAN(WIDTHS), 'instance': lambda: JDDA(3, WIDTHS), 'centre': lambda: JDDA(3, WIDTHS, form='centre'),
    'pcl': lambda: PCL(WIDTHS, views=dict(a=STILL, b=STILL), placement='per_modality'),
    'amanda': lambda: Amanda(WIDTHS, reweight=False),
    # Its discriminator takes means over samples, which are the whole's where all processes hold as many.
    'a3d2': lambda: A3D2(3, WIDTHS, 'a', loss_weight=0.0)}
#: Rows of each process: 4 + 2 and 3 + 3 samples of source and target.
PARTS = (torch.tensor([0, 1, 2, 3, 7, 8]), torch.tensor([4, 5, 6, 9, 10, 11]))


def record_of(rows):
    features, is_target = features_of(7, 5, (4, 4))
    features = {name: value[rows].requires_grad_() for name, value in zip('ab', features.values())}
    labels = torch.where(is_target, -1, torch.arange(12) % 3)[rows]
    record = StepRecord(features, labels, labels, is_target=is_target[rows], inputs=features,
                        encoder=lambda inputs, count, evaluation: inputs)
    heads = {name: torch.nn.Linear(4, 3).double() for name in features}
    for seed, head in enumerate(heads.values()):
        torch.manual_seed(seed)
        head.reset_parameters()
    record.modality_logits = {name: heads[name](value) for name, value in features.items()}
    record.logits = sum(record.modality_logits.values())
    record.modality_classifiers = heads
    return record


def outcome(name, rows):
    """Loss, gradients at the features and buffers after one step."""
    objective, record = OBJECTIVES[name]().double(), record_of(rows)
    out = objective(record)
    loss = sum(value for key, value in out.items() if key.startswith('loss'))
    grads = torch.autograd.grad(loss, list(record.features.values()))
    return loss.detach(), grads, dict(objective.named_buffers())


def compare(rank, outcomes):
    for name, (expected, whole, state) in outcomes.items():
        loss, grads, buffers = outcome(name, PARTS[rank])
        torch.testing.assert_close(loss, expected, msg=name)
        for one, two in zip(grads, whole):
            # Data-parallel training takes the mean over both processes.
            torch.testing.assert_close(one / 2, two[PARTS[rank]], msg=name)
        for key, value in state.items():
            torch.testing.assert_close(buffers[key], value, msg=f'{name} {key}')


@pytest.mark.slow
def test_two_processes_align_the_joined_batch():
    outcomes = {name: outcome(name, torch.arange(12)) for name in OBJECTIVES}
    assert outcomes['centre'][2]
    assert outcomes['a3d2'][2]
    run_in_two_processes(compare, outcomes)
