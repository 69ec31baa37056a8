"""Convolutions over time and their maxima (Kim, EMNLP 2014)."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.registry import MODELS


@MODELS.register_module()
class TextCNN(BaseModule):
    """Parallel convolutions, ReLU, maximum over time, concatenation, dropout, linear, ReLU.

    Only windows inside a sequence take part in its maximum, so that the result of a sample does not depend on how
    far its neighbours in the batch are padded. A sequence shorter than the largest kernel counts as padded with zeros
    to that length.

    Args:
        in_channels (int): Width ``F`` of the features.
        out_channels (int, optional): Width of the result; ``in_channels`` where nothing is named.
        kernel_sizes (Sequence[int]): Heights of the kernels.
        channels (int): Output channels of each convolution.
        dropout (float): Dropout on the concatenated maxima.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If no kernel size is named, or one is below 1.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int | None = None,
                 kernel_sizes: Sequence[int] = (3, 4, 5),
                 channels: int = 128,
                 dropout: float = 0.5,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not kernel_sizes or min(kernel_sizes) < 1:
            raise ValueError(f'kernel_sizes={tuple(kernel_sizes)}: name at least one height, each 1 or more')
        self.out_channels = out_channels or in_channels
        self.kernel_sizes, self.shortest = tuple(kernel_sizes), max(kernel_sizes)
        self.convs = nn.ModuleList([nn.Conv1d(in_channels, channels, size) for size in kernel_sizes])
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels * len(kernel_sizes), self.out_channels)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(N, L, F)`` and lengths ``(N, )`` -> ``(N, out_channels)``."""
        inside = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        # Filled rather than multiplied: padding may hold infinities.
        x = x.masked_fill(~inside[..., None], 0).transpose(1, 2)
        x = nn.functional.pad(x, (0, max(0, self.shortest - x.shape[2])))
        lengths = lengths.clamp(min=self.shortest)
        maxima = [self._maximum(conv(x), lengths - size + 1) for conv, size in zip(self.convs, self.kernel_sizes)]
        return self.linear(self.dropout(torch.cat(maxima, dim=1).relu())).relu()

    @staticmethod
    def _maximum(x: Tensor, windows: Tensor) -> Tensor:
        """Maximum over the first ``windows`` positions: ``(N, C, L)`` -> ``(N, C)``."""
        outside = torch.arange(x.shape[2], device=x.device) >= windows[:, None]
        return x.masked_fill(outside[:, None], -torch.inf).amax(dim=2)
