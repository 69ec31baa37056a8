"""Nash-MTL: its equation (arXiv 2202.01017, Eq. 3), diagonal matrices, and the length of the combination."""

import pytest
import torch

from mmda_ext.balancing import NashMTL
from tests.test_balancing.rules import (
    check_degenerate,
    check_interface,
    check_per_modality,
    check_permutation,
    check_scale,
    random_gramian,
    solve,
)


def test_diagonal_of_c3():
    assert solve(NashMTL(None), [[9, 0], [0, 16]]).tolist() == pytest.approx([1 / 3, 1 / 4], rel=1e-5)
    assert solve(NashMTL(), [[9, 0], [0, 16]]).tolist() == pytest.approx([1 / 3 / 2**.5, 1 / 4 / 2**.5], rel=1e-5)


@pytest.mark.parametrize('seed', range(12))
def test_the_equation_holds(seed):
    size = 2 + seed % 5
    Q = random_gramian(seed, size, size + seed % 3)
    alpha = solve(NashMTL(None), Q)
    assert (alpha > 0).all()
    assert (Q @ alpha * alpha).tolist() == pytest.approx([1] * size, abs=5e-3)
    assert float(alpha @ Q @ alpha)**.5 == pytest.approx(size**.5, rel=1e-3)
    clipped = solve(NashMTL(.5), Q)
    assert float(clipped @ Q @ clipped)**.5 == pytest.approx(.5, rel=1e-3)


@pytest.mark.parametrize('seed', range(3))
def test_the_ridge_is_all_that_keeps_the_equation_from_holding(seed):
    """What the page says of it: Q a a = 1 - 1e-6 b^2."""
    Q = random_gramian(seed, 3, 5)
    alpha = solve(NashMTL(None), Q)
    torch.testing.assert_close(1 - Q @ alpha * alpha, 1e-6 * alpha.square() * torch.diagonal(Q), rtol=1e-3, atol=0)


def test_opposite_gradients_stay_finite_and_cancel():
    Q = torch.tensor([[4., -2.], [-2., 1.]], dtype=torch.float64)
    weights = solve(NashMTL(), Q)
    assert weights.isfinite().all()
    assert float(weights[1] / weights[0]) == pytest.approx(2)
    assert float(weights @ Q @ weights) == pytest.approx(0, abs=1e-4)


def test_gradients_a_million_times_apart():
    assert solve(NashMTL(None), torch.diag(torch.tensor([1., 1e-10]))).tolist() == pytest.approx([1, 1e5], rel=1e-5)


def test_shared_properties():
    check_degenerate(NashMTL())
    check_scale(NashMTL(), power=-.5)
    check_scale(NashMTL(normalize=True))
    check_permutation(NashMTL())
    check_per_modality(NashMTL)
    check_interface(NashMTL)


def test_options_are_checked():
    with pytest.raises(ValueError, match='max_norm=0'):
        NashMTL(0)
