"""UPGrad: known answers (arXiv 2406.16232, Eq. 4), a grid search, and what its combination promises."""

import itertools

import pytest
import torch

from mmda_ext.balancing import UPGrad
from mmda_ext.balancing.parts.bounded import shortest_above
from tests.test_balancing.rules import (
    check_degenerate,
    check_interface,
    check_per_modality,
    check_permutation,
    check_scale,
    random_gramian,
    solve,
)


def test_known_answers_of_c3():
    assert solve(UPGrad(), [[1, -.5], [-.5, 1]]).tolist() == pytest.approx([.75, .75])
    assert solve(UPGrad(), [[9, 0], [0, 16]]).tolist() == [.5, .5]
    assert solve(UPGrad(), [[1, .2, .1], [.2, 2, 0], [.1, 0, 3]]).tolist() == pytest.approx([1 / 3] * 3), 'no conflict'


def test_opposite_gradients_cancel():
    Q = torch.tensor([[4., -2.], [-2., 1.]], dtype=torch.float64)
    weights = solve(UPGrad(), Q)
    assert float(weights @ Q @ weights) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize('seed', range(4))
def test_bounded_problem_against_a_grid(seed):
    Q = random_gramian(seed, 3, 1 + seed)
    lower = torch.tensor([.5, 0., .1], dtype=torch.float64)
    best = shortest_above(Q, lower)
    assert (best >= lower).all()
    steps = torch.arange(0, 3, .1, dtype=torch.float64)
    grid = lower + torch.tensor(list(itertools.product(steps, repeat=3)), dtype=torch.float64)
    assert best @ Q @ best <= torch.einsum('ni,ij,nj->n', grid, Q, grid).min() + 1e-9


@pytest.mark.parametrize('seed', range(12))
def test_no_task_is_harmed_and_the_problem_is_solved(seed):
    """KKT of each projection: slope zero where free, not negative at the bound; so the sum has no conflict."""
    size = 2 + seed % 5
    Q = random_gramian(seed, size, 1 + seed % 6)
    slack = 1e-7 * Q.trace()
    for bound in torch.eye(size, dtype=torch.float64) / size:
        v = shortest_above(Q, bound)
        slope = Q @ v
        assert (slope >= -slack).all()
        assert (slope.abs()[v > bound + 1e-9] <= slack).all()
    assert (Q @ solve(UPGrad(), Q) >= -size * slack).all()


def test_shared_properties():
    check_degenerate(UPGrad())
    check_scale(UPGrad())
    check_permutation(UPGrad())
    check_per_modality(UPGrad)
    check_interface(UPGrad)
