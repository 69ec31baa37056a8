"""Nuclear-norm Wasserstein discrepancy of two batches of class probabilities (Chen et al., CVPR 2022)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows


def nuclear_wasserstein(source: Tensor, target: Tensor) -> Tensor:
    r""":math:`\lVert P^s \rVert_* / n_s - \lVert P^t \rVert_* / n_t`, the norm being the sum of singular values.

    In float32 or wider, and of the rows of all processes together. A backward pass whose gradient is not finite passes
    on none for the whole term. The public code divides both by the number of target samples.

    Args:
        source (Tensor): :math:`P^s`, ``(n_s, C)``, each row a distribution.
        target (Tensor): :math:`P^t`, ``(n_t, C)``.
    """
    source, target = join_rows(widen(source)), join_rows(widen(target))
    # In one tensor, so that a gradient lost in one domain is lost in both, and on every process.
    rows = _SkipNonFinite.apply(torch.cat([source, target]))
    norms = [_nuclear_norm(part) / len(part) for part in rows.split([len(source), len(target)])]
    return norms[0] - norms[1]


def _nuclear_norm(rows: Tensor) -> Tensor:
    """Sum of singular values; not a number for rows that are not finite, which the solver refuses with an error."""
    finite = torch.nan_to_num(rows, 0.0, 0.0, 0.0)
    return torch.linalg.svdvals(finite).sum() + 0 * rows.detach().sum()


class _SkipNonFinite(torch.autograd.Function):
    """Identity; a gradient with an infinity or a NaN in it becomes zero, without asking the device."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return torch.where(grad.isfinite().all(), grad, torch.zeros_like(grad))
