r"""Optimal transport between two sets of equal size and uniform weight."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmda_ext.models.heads.base import widen


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
