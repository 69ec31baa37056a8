r"""Optimal transport between two sets of equal size and uniform weight."""

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmda_ext.models.heads.base import widen
from mmda_ext.models.progress import training_progress


def transport_plan(cost: Tensor) -> Tensor:
    r""":math:`\arg\min_X \langle K, X \rangle` over :math:`X \ge 0` with all row and column sums :math:`1 / d`.

    Uniform square marginals make the linear program an assignment problem: :math:`X^*` is a permutation matrix divided
    by :math:`d`. Solved on the host, in milliseconds for ``d = 256``.

    Args:
        cost (Tensor): :math:`K`, ``(d, d)``.

    Returns:
        Tensor: :math:`X^*`, without gradient, ``(d, d)``; not a number where the cost is not finite, so that the loss
        says it and not the solver.
    """
    on_host = cost.detach().double().cpu()
    if not on_host.isfinite().all():
        return torch.full_like(cost, torch.nan, requires_grad=False)
    rows, columns = linear_sum_assignment(on_host.numpy())
    plan = torch.zeros(cost.shape, dtype=cost.dtype)
    plan[torch.from_numpy(rows), torch.from_numpy(columns)] = 1 / len(cost)
    return plan.to(cost.device)


def moment_cost(anchor: Tensor, drift: Tensor) -> Tensor:
    r""":math:`K = 1 - A^T B / n`, how little feature ``i`` of one set goes with feature ``j`` of the other.

    Args:
        anchor (Tensor): :math:`A`, ``(n, d)``; no gradient reaches it.
        drift (Tensor): :math:`B`, ``(n, d)``.

    Returns:
        Tensor: ``(d, d)``, in float32 or wider also under autocast.
    """
    with torch.autocast(anchor.device.type, enabled=False):
        return 1 - widen(anchor.detach()).T @ widen(drift) / len(anchor)


@dataclass(frozen=True)
class AnchorTransport:
    r""":math:`\langle K, X \rangle` of a drift under a plan ``X`` that is the running mean of the optimal ones.

    Args:
        weight (float): Factor of the term; 0 leaves it out.
        start (int): Iteration at which it starts; 200 and 120 in the public code of A3D2. At once without a runner.
        momentum (float): Part of the plan that stays in a step, in [0, 1].

    Raises:
        ValueError: If the momentum is out of its range.
    """

    weight: float = 1.0
    start: int = 200
    momentum: float = 0.95

    def __post_init__(self) -> None:
        if not 0 <= self.momentum <= 1:
            raise ValueError(f'transport: momentum={self.momentum!r} must be in [0, 1]')

    @property
    def begun(self) -> bool:
        """Whether the training has got to ``start``."""
        iteration = training_progress().iteration
        return iteration is None or iteration >= self.start

    def cost(self, anchor: Tensor, drift: Tensor, plan: Tensor, moving: bool) -> Tensor:
        """Scalar; ``anchor`` and ``drift`` are ``(n, d)``, ``plan`` ``(d, d)`` moves in place first, if ``moving``."""
        cost = moment_cost(anchor, drift)
        if moving:
            plan.lerp_(transport_plan(cost).to(plan), 1 - self.momentum)
        return (cost * plan.clone()).sum()
