"""FAMO: a known answer (arXiv 2306.03792, Algorithm 1), and a slow form with autograd's softmax."""

import pytest
import torch

from mmda_ext.balancing import FAMO
from tests.test_balancing.rules import check_interface, solve
from tests.test_balancing.steps import EYE, LOSSES, check_memory


def test_known_answer_of_c3():
    assert solve(FAMO(), torch.eye(2), losses=[1., 4.]).tolist() == pytest.approx([.8, .2])


def test_equals_the_published_rule_one_step_late():
    """The published update with the losses of the next step as those after the step."""
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=.1, weight_decay=1e-3)
    balancer, before = FAMO(lr=.1), None
    for losses in LOSSES:
        losses = losses + 1e-8
        if before is not None:
            delta = before.log() - losses.log()
            logits.grad, = torch.autograd.grad(torch.softmax(logits, 0), logits, delta)
            optimizer.step()
        z = torch.softmax(logits.detach(), 0)
        expected = z / losses / (z / losses).sum()
        torch.testing.assert_close(solve(balancer, EYE, losses=losses - 1e-8), expected)
        before = losses


def test_a_task_that_falls_faster_loses_weight():
    balancer = FAMO(lr=.1)
    for step in range(20):
        weights = solve(balancer, EYE, losses=[.9**step, 1., 1.])
    by_loss = torch.tensor([.9**19, 1., 1.]).reciprocal()
    assert weights[0] < (by_loss / by_loss.sum())[0]


def test_constants_in_a_loss_do_not_matter_and_zero_is_finite():
    one, other = FAMO(lr=.1), FAMO(lr=.1)
    factor = torch.tensor([1e-3, 1., 50.], dtype=torch.float64)
    for losses in LOSSES:
        a, b = solve(one, EYE, losses=losses), solve(other, EYE, losses=losses * factor)
        torch.testing.assert_close(a * losses / (a * losses).sum(), b * losses * factor / (b * losses * factor).sum(),
                                   rtol=1e-4, atol=1e-6)
    assert solve(FAMO(), EYE, losses=[0., 0., 1.]).isfinite().all()


def test_memory_and_interface():
    check_memory(FAMO, lr=.1)
    check_interface(FAMO)
