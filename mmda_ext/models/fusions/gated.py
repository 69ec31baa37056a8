"""Gated ("activation-based") fusion."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.models.fusions.base import Fusion
from mmda_ext.registry import MODELS


@MODELS.register_module()
class GatedFusion(Fusion):
    r""":math:`W(\sigma(o^x) \odot o^y) + b` with :math:`o^m = P^m z^m` (Kiela et al., AAAI 2018).

    The last modality in order is gated by the others; with more than one other, by the mean of their gates. Args are
    those of :class:`Fusion`, and:

    Args:
        gated (str, optional): The modality that is gated; default the last of ``in_channels``. OGM-GE gates video by
            audio: ``gated='video'``.

    Raises:
        ValueError: If there are fewer than two modalities, or ``gated`` is none of them.
    """

    def __init__(self, *args: Any, gated: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.content = gated or self.modalities[-1]
        if len(self.modalities) < 2 or self.content not in self.modalities:
            raise ValueError(f'{type(self).__name__} needs two modalities or more and gated={self.content!r} '
                             f'among them, got {self.modalities}')
        width = self.hidden_channels or 512
        self.project = nn.ModuleDict({name: nn.Linear(size, width) for name, size in self.in_channels.items()})
        self.output = nn.Linear(width, self.out_channels)

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """Gated projection ``(N, hidden_channels)`` (512 in the linear form of OGM-GE)."""
        projected = {name: self.project[name](features[name]) for name in self.modalities}
        gates = [torch.sigmoid(value) for name, value in projected.items() if name != self.content]
        return self.dropout(torch.stack(gates).mean(0) * projected[self.content])

    def classify(self, fused: Tensor) -> Tensor:
        """``(N, D) -> (N, out_channels)``."""
        return self.output(fused)
