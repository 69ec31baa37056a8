r"""The shortest vector in the convex hull of gradients, from their inner products ``Q`` alone.

.. math:: \min_\gamma \gamma^T Q \gamma \quad\text{s.t.}\quad \gamma \ge 0,\ \sum_k \gamma_k = 1

(Désidéri 2012; Sener and Koltun, NeurIPS 2018.) Except for :func:`inverse_squared_norms` the functions look at values,
so they expect ``Q`` on the host, in float64. Entries of ``Q`` span 1e-15 to 1e6 in practice: what adds or
compares with the ridge scales by the trace first.
"""

from collections.abc import Iterator
from itertools import chain, combinations

import torch
from torch import Tensor

from mmda_ext import epsilons

#: Enumeration of supports beyond this size takes longer than the training step.
LARGEST = 8


def inverse_squared_norms(diagonal: Tensor) -> Tensor:
    r""":math:`\gamma_k = (1 / Q_{kk}) / \sum_j (1 / Q_{jj})`: the minimiser if ``Q`` is diagonal. Branch-free.

    Args:
        diagonal (Tensor): :math:`Q_{kk} > 0`, shape ``(K, )``; infinity gives weight 0.
    """
    inverse = diagonal.amin() / diagonal
    return inverse / inverse.sum()


def exact(Q: Tensor) -> Tensor:
    """Global minimiser ``(K, )`` for ``K <= 8``, singular ``Q`` included.

    Tries the full support, then enumerates all; the best non-negative stationary point is the minimiser.

    Args:
        Q (Tensor): Symmetric, positive semi-definite, ``(K, K)``, not all zero.

    Raises:
        ValueError: If ``K > 8``.
    """
    size = len(Q)
    if size > LARGEST:
        raise ValueError(f"solver='exact' enumerates supports of at most {LARGEST} objectives, got {size}: use "
                         "solver='frank_wolfe'")
    Q = Q / Q.trace() + epsilons.RIDGE * torch.eye(size, dtype=Q.dtype)
    full = _stationary(Q, tuple(range(size)))
    if (full >= 0).all():
        return full
    points = [point for point in (_stationary(Q, support) for support in supports(size)) if (point >= 0).all()]
    return min(points, key=lambda point: float(point @ Q @ point))


def supports(size: int) -> Iterator[tuple[int, ...]]:
    """Every non-empty set of objectives, small ones first."""
    return chain.from_iterable(combinations(range(size), count) for count in range(1, size + 1))


def _stationary(Q: Tensor, support: tuple[int, ...]) -> Tensor:
    """Minimiser over the affine hull of ``support``; entries may be negative."""
    index = torch.tensor(support)
    x = torch.linalg.solve(Q[index][:, index], torch.ones(len(index), dtype=Q.dtype))
    return torch.zeros(len(Q), dtype=Q.dtype).index_copy(0, index, x / x.sum())


def is_arrowhead(Q: Tensor) -> bool:
    """Whether only the diagonal, the last row and the last column hold anything."""
    block = Q[:-1, :-1]
    return bool((block == torch.diag(torch.diagonal(block))).all())


def arrowhead(Q: Tensor) -> Tensor:
    r"""Minimiser where the last objective alone has a part in common with the others; no linear system.

    With :math:`q_m = Q_{mm}`, :math:`b_m = Q_{m,K}`, :math:`c = Q_{KK}`:

    .. math::
        s = c - \sum_m b_m^2 / q_m,\quad x_K = (1 - \sum_m b_m / q_m) / s,\quad x_m = (1 - b_m x_K) / q_m,\quad
        \gamma = x / \sum x

    Where an entry would be negative or ``Q`` is singular, :func:`exact` decides.

    Args:
        Q (Tensor): Arrowhead with positive diagonal, ``(K, K)``.

    Raises:
        ValueError: If ``Q`` is no arrowhead.
    """
    if not is_arrowhead(Q):
        raise ValueError("solver='arrowhead' needs objectives that share gradients with the last one only; here others "
                         "overlap too: use solver='exact'")
    scaled = Q / Q.trace()
    q, b, c = torch.diagonal(scaled)[:-1], scaled[:-1, -1], scaled[-1, -1]
    s = c - (b * b / q).sum()
    if s <= epsilons.RIDGE:
        return exact(Q)
    last = (1 - (b / q).sum()) / s
    x = torch.cat([(1 - b * last) / q, last.reshape(1)])
    return x / x.sum() if (x >= 0).all() else exact(Q)


def frank_wolfe(Q: Tensor, max_iterations: int = 250, tolerance: float = epsilons.FRANK_WOLFE) -> Tensor:
    """Minimiser to about three digits, for any ``K``: best pair, then line searches towards vertices.

    Differences from the published code: keeps its last update, has no cap on the size of gradients, takes ``K = 1``,
    and returns exact zeros and ones at the ends of a segment.

    Args:
        Q (Tensor): Symmetric, positive semi-definite, ``(K, K)``, not all zero.
        max_iterations (int): Upper bound of line searches.
        tolerance (float): Stop when the weights move less than this (sum of absolute changes).
    """
    gamma = _best_pair(Q)
    for _ in range(max_iterations):
        product = Q @ gamma
        nearest = int(product.argmin())
        step = _segment(Q[nearest, nearest], product[nearest], gamma @ product)
        moved = (1 - step) * gamma
        moved[nearest] += step
        change = (moved - gamma).abs().sum()
        gamma = moved
        if change < tolerance:
            break
    return gamma


def _segment(aa: Tensor, ab: Tensor, bb: Tensor) -> float:
    r"""Share :math:`t` of ``a`` that minimises :math:`\lVert t a + (1 - t) b \rVert^2` over [0, 1]."""
    if ab >= aa:
        return 1.0
    if ab >= bb:
        return 0.0
    return float((bb - ab) / (aa + bb - 2 * ab))


def _best_pair(Q: Tensor) -> Tensor:
    """The best point on any edge of the simplex."""
    corners = torch.eye(len(Q), dtype=Q.dtype)
    points = [corners[0]]
    for i, j in combinations(range(len(Q)), 2):
        share = _segment(Q[i, i], Q[i, j], Q[j, j])
        points.append(share * corners[i] + (1 - share) * corners[j])
    return min(points, key=lambda point: float(point @ Q @ point)).clone()
