"""Projection heads, and distances between directions."""

import torch
from torch import Tensor, nn

from mmda_ext import epsilons
from mmda_ext.models.freezing import evaluating
from mmda_ext.models.heads.base import widen


class ProjectionHead(nn.Sequential):
    """Linear, BatchNorm, ReLU, twice, and a linear layer; the rows that leave it have length 1.

    A batch of one sample has no batch statistics: it is projected with the running ones.

    Args:
        in_channels (int): Width of the input.
        hidden_channels (int): Width of both hidden layers.
        out_channels (int): Width of the projection.
    """

    def __init__(self, in_channels: int, hidden_channels: int = 2048, out_channels: int = 128) -> None:
        layers: list[nn.Module] = []
        for width in (in_channels, hidden_channels):
            layers += [nn.Linear(width, hidden_channels), nn.BatchNorm1d(hidden_channels), nn.ReLU()]
        super().__init__(*layers, nn.Linear(hidden_channels, out_channels))

    def forward(self, features: Tensor) -> Tensor:
        """``(N, in_channels)`` -> unit rows ``(N, out_channels)``, in float32 or wider."""
        if len(features) > 1 or not self.training:
            return unit(super().forward(features))
        with evaluating(self):
            return unit(super().forward(features))


def unit(rows: Tensor) -> Tensor:
    """Rows of length 1, ``(N, D)`` in float32 or wider.

    A row shorter than 1e-6 has no direction: it stays as it is, so that its gradient does not explode.
    """
    rows = widen(rows)
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > epsilons.VARIANCE, length, 1.0)


def direction_distance(rows: Tensor, targets: Tensor) -> Tensor:
    r""":math:`\frac{1}{N} \sum_i \lVert n(p_i) - n(t_i) \rVert_2` with :math:`n(x) = x / \lVert x \rVert`; not squared.

    Args:
        rows (Tensor): :math:`p`, shape ``(N, D)``.
        targets (Tensor): :math:`t`, shape ``(N, D)``; receives a gradient too unless it is detached.
    """
    return distance(unit(rows), unit(targets))


def distance(rows: Tensor, targets: Tensor) -> Tensor:
    r""":math:`\frac{1}{N} \sum_i \lVert p_i - t_i \rVert_2` of ``(N, D)`` and ``(N, D)``, in float32 or wider."""
    return torch.linalg.vector_norm(widen(rows) - widen(targets), dim=1).mean()
