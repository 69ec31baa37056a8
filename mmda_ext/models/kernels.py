r"""Kernels between the rows of two batches, and the distance of the batches in them (maximum mean discrepancy)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.models.heads.base import widen

#: Bandwidths of MK-MMD as parts of the mean squared distance (Long et al., ICML 2015).
ALPHAS = tuple(2.0**power for power in range(-3, 2))


def squared_distances(rows: Tensor) -> Tensor:
    r""":math:`\lVert z_i - z_j \rVert^2` of ``(n, d)``, ``(n, n)``, in float32 or wider also under autocast.

    From differences, not from inner products: those lose all digits of close rows far from the origin.
    """
    rows = widen(rows)
    return torch.cdist(rows, rows, compute_mode='donot_use_mm_for_euclid_dist').square()


def gaussian_kernels(rows: Tensor, alphas: Sequence[float] = ALPHAS, variance: float | Tensor | None = None) -> Tensor:
    r""":math:`k(z_i, z_j) = \sum_u \exp(-\lVert z_i - z_j \rVert^2 / (2 \alpha_u \sigma^2))`.

    Args:
        rows (Tensor): Both batches, ``(n, d)``.
        alphas (Sequence[float]): :math:`\alpha_u`, one for each kernel.
        variance (float | Tensor, optional): :math:`\sigma^2 > 0`; by default the mean of all ``n * n`` squared
            distances, without gradient.

    Returns:
        Tensor: ``(n, n)``.
    """
    distances = squared_distances(rows)
    base = distances.detach().mean().clamp_min(epsilons.BANDWIDTH) if variance is None else variance
    return torch.stack([(-distances / (2 * alpha * base)).exp() for alpha in alphas]).sum(0)


def linear_kernel(rows: Tensor) -> Tensor:
    """Inner products of ``(n, d)``, ``(n, n)``, in float32 or wider also under autocast."""
    with torch.autocast(rows.device.type, enabled=False):
        rows = widen(rows)
        # The distance of the means does not depend on the origin; its rounding error does.
        rows = rows - rows.detach().mean(0)
        return rows @ rows.T


def discrepancy(kernel: Tensor, n_source: int, unbiased: bool = True) -> Tensor:
    r"""Squared maximum mean discrepancy, :math:`\overline{k^{ss}} + \overline{k^{tt}} - 2 \overline{k^{st}}`.

    Args:
        kernel (Tensor): Kernel of the rows, those of the source first, ``(n_s + n_t, n_s + n_t)``.
        n_source (int): :math:`n_s`.
        unbiased (bool): Leave the diagonals out of the first two means: the estimate may be negative then, and each
            batch needs two rows. Otherwise it is the squared distance of the two means in the space of the kernel.

    Returns:
        Tensor: Scalar.
    """
    within = [kernel[:n_source, :n_source], kernel[n_source:, n_source:]]
    means = [_off_diagonal_mean(block) if unbiased else block.mean() for block in within]
    return means[0] + means[1] - 2 * kernel[:n_source, n_source:].mean()


def _off_diagonal_mean(block: Tensor) -> Tensor:
    count = len(block)
    return (block.sum() - block.diagonal().sum()) / (count * (count - 1))
