"""Rows of all processes together, for losses that are no mean over samples."""

from typing import Any

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
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
