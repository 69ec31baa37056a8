"""DWA: a known answer (arXiv 1803.10704, Eq. 7), what an epoch is, and its memory."""

import pytest
import torch

from mmda_ext.balancing import DWA
from tests.test_balancing.rules import check_interface, inputs_of, solve
from tests.test_balancing.steps import EYE, LOSSES, check_memory, run

PAIR = torch.eye(2)


def test_known_answer_of_c3():
    balancer = DWA()
    assert solve(balancer, PAIR, losses=[2., 4.], epoch=0).tolist() == [1, 1]
    assert solve(balancer, PAIR, losses=[2., 2.], epoch=1).tolist() == [1, 1]
    assert solve(balancer, PAIR, losses=[9., 9.], epoch=2).tolist() == pytest.approx([1.124353, .875647], abs=1e-6)


def test_means_of_epochs():
    weights = run(DWA(), range(12))
    means = LOSSES.view(4, 3, 3).mean(1)
    for step, own in enumerate(weights):
        epoch = step // 3
        rates = means[epoch - 1] / means[epoch - 2] if epoch >= 2 else torch.ones(3)
        torch.testing.assert_close(own, 3 * torch.softmax(rates.double() / 2, 0))


def test_a_period_of_steps_counts_as_an_epoch():
    assert all(torch.equal(a, b) for a, b in zip(run(DWA(period=3), range(12)), run(DWA(), range(12))))
    with pytest.raises(ValueError, match='give period='):
        solve(DWA(), PAIR)


def test_losses_that_are_zero_or_not_finite():
    balancer = DWA()
    for epoch, losses in enumerate(([0., 1.], [0., 1.], [0., 1.])):
        solve(balancer, PAIR, losses=[float('nan'), 1.], epoch=epoch)
        weights = solve(balancer, PAIR, losses=losses, epoch=epoch)
    assert weights.tolist() == pytest.approx([1, 1])


def test_memory_and_interface():
    check_memory(DWA)
    check_memory(DWA, period=2)
    check_interface(DWA)
    for bad in (dict(temperature=0), dict(period=0), dict(period=1.5)):
        with pytest.raises(ValueError, match=next(iter(bad))):
            DWA(**bad)


def test_weights_need_losses():
    inputs = inputs_of(EYE, epoch=0)
    object.__setattr__(inputs, 'losses', None)
    with pytest.raises(ValueError, match='needs losses'):
        DWA()(inputs)
