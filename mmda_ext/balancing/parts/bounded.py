r"""The shortest vector among combinations whose coefficients have lower bounds.

.. math:: \min_v v^T Q v \quad\text{s.t.}\quad v \ge l
"""

import torch
from torch import Tensor

from mmda_ext import epsilons


def shortest_above(Q: Tensor, lower: Tensor) -> Tensor:
    """Minimiser ``(K, )`` by active sets (Lawson and Hanson), for any ``K``, singular ``Q`` included.

    With :math:`v = l + u` this is a quadratic program over :math:`u \\ge 0`: coefficients leave their bound one by one,
    the steepest first, and return to it where the unconstrained minimiser of the free ones would cross it.

    Args:
        Q (Tensor): Symmetric, positive semi-definite, ``(K, K)``, not all zero; host, float64.
        lower (Tensor): Bounds :math:`l`, ``(K, )``.
    """
    Q = Q / Q.trace() + epsilons.RIDGE * torch.eye(len(Q), dtype=Q.dtype)
    linear = Q @ lower
    u, free = torch.zeros_like(lower), torch.zeros(len(Q), dtype=torch.bool)
    while True:
        slope = torch.where(free, 0.0, Q @ u + linear)
        steepest = int(slope.argmin())
        if slope[steepest] >= -epsilons.ACTIVE_SET:
            return lower + u
        free[steepest] = True
        u = _descend(Q, linear, u, free)


def _descend(Q: Tensor, linear: Tensor, u: Tensor, free: Tensor) -> Tensor:
    """Minimiser over the free coefficients; those that reach 0 on the way are taken out of ``free`` in place."""
    while True:
        index = free.nonzero()[:, 0]
        goal = torch.zeros_like(u)
        goal[index] = torch.linalg.solve(Q[index][:, index], -linear[index])
        crossing = free & (goal <= 0)
        if not crossing.any():
            return goal
        u = u + (u / (u - goal))[crossing].amin() * (goal - u)
        free &= u > epsilons.ACTIVE_SET
        u = torch.where(free, u, 0.0)
