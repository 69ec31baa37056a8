"""CAGrad: a known answer (arXiv 2110.14048, Algorithm 1), the defining problem on a grid, and its duality."""

import itertools

import pytest
import torch

from mmda_ext.balancing import CAGrad
from tests.test_balancing.rules import (
    check_degenerate,
    check_interface,
    check_per_modality,
    check_permutation,
    check_scale,
    random_gramian,
    solve,
)


def reference(Q, c, steps=100):
    """Smallest value of the objective on a grid of the simplex (three tasks)."""
    counts = [n for n in itertools.product(range(steps + 1), repeat=2) if sum(n) <= steps]
    w = torch.tensor([[*n, steps - sum(n)] for n in counts], dtype=torch.float64) / steps
    mean = torch.full((3, ), 1 / 3, dtype=torch.float64)
    lengths = torch.einsum('ni,ij,nj->n', w, Q, w).clamp_min(0).sqrt()
    return (w @ Q @ mean + c * (mean @ Q @ mean).sqrt() * lengths).min()


def test_known_answer_of_c3():
    for factor in (1, 1e-12):
        weights = solve(CAGrad(), factor * torch.tensor([[9, 0], [0, 16]]))
        assert weights.tolist() == pytest.approx([.91616, .51534], abs=1e-5)


@pytest.mark.parametrize('seed', range(12))
def test_strong_duality(seed):
    """The dual minimum is the largest min_k <g_k, d> in the ball, and the returned direction attains it."""
    c, Q = (.2, .5, .9)[seed % 3], random_gramian(seed, 3, 1 + seed % 4)
    weights = solve(CAGrad(c), Q)
    mean = torch.full((3, ), 1 / 3, dtype=torch.float64)
    radius = c * (mean @ Q @ mean).sqrt()
    offset = weights - mean
    assert (offset >= -1e-9).all()
    assert float((offset @ Q @ offset).sqrt()) == pytest.approx(float(radius), rel=1e-4), 'on the sphere'
    assert float((Q @ weights).min()) == pytest.approx(float(reference(Q, c)), abs=1e-3 * float(Q.trace()))
    assert float((Q @ weights).min()) <= float(reference(Q, c)) + 1e-7 * float(Q.trace()), 'weak duality'


def test_no_radius_and_balanced_opposition_give_the_mean():
    assert solve(CAGrad(0), random_gramian(0, 4, 4)).tolist() == pytest.approx([.25] * 4)
    gradients = torch.tensor([[1., 0.], [-1., 0.], [0., 1.]], dtype=torch.float64)
    assert solve(CAGrad(), gradients @ gradients.T).tolist() == pytest.approx([1 / 3] * 3)


def test_shared_properties():
    check_degenerate(CAGrad())
    check_scale(CAGrad())
    check_permutation(CAGrad())
    check_per_modality(CAGrad, c=.3)
    check_interface(CAGrad)


def test_options_are_checked():
    for bad in (-.1, 1, float('nan')):
        with pytest.raises(ValueError, match='c='):
            CAGrad(bad)
    with pytest.raises(ValueError, match='at most 8 tasks, got 9'):
        solve(CAGrad(), torch.eye(9))
