"""Batches of all processes together, for losses of which the mean over processes is not that of the joined batch.

A mean over samples of one kind needs none of this: the samplers give every process as many of each kind. What needs it
is a loss that is no mean (:func:`join_rows`), and a mean that is weighted, over a group whose share differs between
processes, or under a function that is not linear (:func:`joined_mean`). All processes must get there: whether a batch
has the samples that a criterion needs is decided by :func:`enough` for all of them.
"""

from typing import Any

import torch
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from torch import Tensor
from torch.nn import functional as F


def join_rows(rows: Tensor) -> Tensor:
    """Rows ``(n, ...)`` of this process among those of all processes, ``(sum of n, ...)``, in the order of the ranks.

    A statistic such as a covariance differs between half a batch and the whole. A loss computed from joined rows is the
    same on every process, and its gradient reaches the own rows multiplied by the number of processes, so that the
    *mean* over processes that data-parallel training takes is the gradient of the joined batch, for encoders and for
    heads. What stands between the joined rows and the loss must be the same everywhere: no dropout.

    With one process it returns ``rows``. Processes may hold different numbers of rows.
    """
    if get_world_size() == 1:
        return rows
    return _Join.apply(rows)


def joined_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    r""":math:`\sum_i w_i v_i / \sum_i w_i` over the samples of all processes; 0 where all weights are.

    As with :func:`join_rows` the value is that of the joined batch on every process, and the gradient that of the own
    samples multiplied by the number of processes. It does not wait for the device.

    Args:
        values (Tensor): :math:`v` of this process's samples, ``(n, )``.
        weights (Tensor, optional): :math:`w \ge 0`, without gradient, ``(n, )``; 1 by default.
    """
    weights = torch.ones_like(values) if weights is None else weights.to(values)
    own, total = (weights * values).sum(), weights.sum()
    whole = own
    if get_world_size() > 1:
        everybody, total = joined_sum(torch.stack([own, total]))
        whole = everybody + get_world_size() * (own - own.detach())
    return whole / total.clamp_min(torch.finfo(total.dtype).tiny)


def joined_sum(values: Tensor) -> Tensor:
    """Sum over all processes, any shape, without gradient."""
    values = values.detach().clone()
    all_reduce(values)
    return values


def enough(*rows: Tensor, least: int) -> bool:
    """Whether all processes together have ``least`` rows of each kind; with one it does not wait for the device."""
    return min(joined_count(own) for own in rows) >= least


def on_every_process(count: int, least: int, device: torch.device) -> bool:
    """Whether the counts of all processes are at least that; with one it does not wait for the device."""
    return (count if get_world_size() == 1 else min(_counts(count, device))) >= least


def joined_count(rows: Tensor) -> int:
    """Number of rows of all processes; with one process it does not wait for the device."""
    return len(rows) if get_world_size() == 1 else sum(_counts(len(rows), rows.device))


def own_rows(joined: Tensor, count: int) -> Tensor:
    """The part of joined rows (of a gradient, say) that belongs to this process, which holds ``count`` of them."""
    if get_world_size() == 1:
        return joined
    start = sum(_counts(count, joined.device)[:get_rank()])
    return joined[start:start + count]


def _counts(count: int, device: torch.device) -> list[int]:
    return [int(value) for value in all_gather(torch.tensor(count, device=device))]


class _Join(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        counts = _counts(len(rows), rows.device)
        ctx.start, ctx.count = sum(counts[:get_rank()]), len(rows)
        # A collective wants tensors of one shape.
        padding = [0, 0] * (rows.dim() - 1) + [0, max(counts) - len(rows)]
        parts = all_gather(F.pad(rows.detach(), padding).contiguous())
        return torch.cat([part[:count] for part, count in zip(parts, counts)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return get_world_size() * grad[ctx.start:ctx.start + ctx.count]
