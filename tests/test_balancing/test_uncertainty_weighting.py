"""Uncertainty weighting against one Adam for weights and log-variances; its rest; its memory."""

import pytest
import torch

from mmda_ext.balancing import UncertaintyWeighting
from tests.test_balancing.rules import check_interface, solve
from tests.test_balancing.steps import EYE, LOSSES, check_memory


def test_equals_training_the_log_variances_with_the_loss():
    s = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([s], lr=.1)
    balancer = UncertaintyWeighting(lr=.1)
    for losses in LOSSES:
        losses = losses.clone().requires_grad_()
        optimizer.zero_grad()
        total = (torch.exp(-s) * losses / 2 + s / 2).sum()
        expected, = torch.autograd.grad(total, losses, retain_graph=True)
        total.backward()
        optimizer.step()
        torch.testing.assert_close(solve(balancer, EYE, losses=losses.detach()), expected)


def test_first_weights_and_rest():
    assert solve(UncertaintyWeighting(), EYE, losses=[1., 2., 3.]).tolist() == [.5] * 3
    assert solve(UncertaintyWeighting(start=-.5), EYE).tolist() == pytest.approx([.8243606] * 3)
    balancer = UncertaintyWeighting(lr=.05)
    for _ in range(400):
        weights = solve(balancer, EYE, losses=[.5, 1., 4.])
    assert weights.tolist() == pytest.approx([1., .5, .125], rel=1e-2), '1 / (2 L)'


def test_memory_and_interface():
    check_memory(UncertaintyWeighting, lr=.1)
    check_interface(UncertaintyWeighting)
    for bad in (dict(lr=0), dict(weight_decay=-1)):
        with pytest.raises(ValueError, match=next(iter(bad))):
            UncertaintyWeighting(**bad)
