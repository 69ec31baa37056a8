"""GradNorm against its own loss under autograd; where it rests; its memory."""

import pytest
import torch

from mmda_ext.balancing import FAMO, GradNorm
from tests.test_balancing.rules import check_interface, solve
from tests.test_balancing.steps import EYE, GRAMIANS, LOSSES, check_memory


def test_equals_the_published_loss_under_autograd():
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=.05)
    balancer = GradNorm(lr=.05)
    for losses, gramian in zip(LOSSES, GRAMIANS):
        torch.testing.assert_close(solve(balancer, gramian, losses=losses), w.detach())
        norms = torch.diagonal(gramian).sqrt()
        lengths = w * norms / norms.mean()
        progress = losses / LOSSES[0]
        target = (lengths.mean() * (progress / progress.mean())**1.5).detach()
        optimizer.zero_grad()
        (lengths - target).abs().sum().backward()
        optimizer.step()
        with torch.no_grad():
            w.mul_(3 / w.sum())


def test_rests_at_equal_lengths_if_all_train_at_one_rate():
    balancer = GradNorm(lr=.01)
    gramian = torch.diag(torch.tensor([1., 4., 16.], dtype=torch.float64))
    for _ in range(600):
        weights = solve(balancer, gramian, losses=[1., 2., 3.])
    assert weights.tolist() == pytest.approx([12 / 7, 6 / 7, 3 / 7], rel=.05)


def test_a_slow_task_gets_more():
    balancer = GradNorm(lr=.01)
    for step in range(50):
        weights = solve(balancer, torch.eye(2), losses=[1., .97**step])
    assert weights[0] > 1.1 > .9 > weights[1]
    assert float(weights.sum()) == pytest.approx(2)
    assert float(balancer.diagnostics['rate_a']) > 1 > float(balancer.diagnostics['rate_fused'])


@pytest.mark.parametrize('bad', [torch.zeros(3, 3), torch.full((3, 3), float('nan'))])
def test_no_gradient_and_not_finite_leave_the_weights_alone(bad):
    balancer = GradNorm()
    for _ in range(3):
        assert solve(balancer, bad, losses=[1., 2., 0.]).tolist() == [1, 1, 1]


def test_scale_of_gradients_and_losses_does_not_matter():
    one, other = GradNorm(), GradNorm()
    for losses, gramian in zip(LOSSES, GRAMIANS):
        weights = solve(other, gramian * 1e-14, losses=losses * 1e3)
        torch.testing.assert_close(solve(one, gramian, losses=losses), weights, rtol=1e-5, atol=1e-6)


def test_memory_and_interface():
    check_memory(GradNorm, lr=.1)
    check_interface(GradNorm)
    other, own = FAMO(), GradNorm()
    solve(other, EYE, losses=LOSSES[0])
    own.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="GradNorm remembers .*'initial'.*the checkpoint holds .*another balancer"):
        solve(own, EYE, losses=LOSSES[1])
    with pytest.raises(ValueError, match='alpha=-1'):
        GradNorm(alpha=-1)
