"""Concatenation of the features."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.models.fusions.base import Fusion
from mmda_ext.registry import MODELS


@MODELS.register_module()
class ConcatFusion(Fusion):
    r""":math:`W_2\,\mathrm{ReLU}(W_1 [z^1; \dots; z^M] + b_1) + b_2`, or :math:`W [z^1; \dots; z^M] + b` when linear.

    Args are those of :class:`Fusion`.
    """

    modes = ('masked', 'share', 'linearised')

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        width = sum(self.in_channels.values())
        self.hidden = nn.Linear(width, self.hidden_channels) if self.hidden_channels else None
        self.output = nn.Linear(self.hidden_channels or width, self.out_channels)

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """Hidden layer ``(N, hidden_channels)``, or the plain concatenation when linear."""
        joined = torch.cat([features[name] for name in self.modalities], dim=1)
        if self.hidden is None:
            return self.dropout(joined)
        before = self.hidden(joined)
        # ReLU and dropout as one diagonal factor, which the linearised split reads off the result.
        return before * self.dropout((before > 0).to(before.dtype))

    def classify(self, fused: Tensor) -> Tensor:
        """``(N, D) -> (N, out_channels)``."""
        return self.output(fused)

    def _blocks(self, layer: nn.Linear) -> dict[str, Tensor]:
        return dict(zip(self.modalities, layer.weight.split(list(self.in_channels.values()), dim=1)))

    def _share(self, features: Mapping[str, Tensor], fused: Tensor, kept: float) -> dict[str, Tensor]:
        parts = len(self.modalities)
        first = self.output if self.hidden is None else self.hidden
        split = {m: F.linear(features[m], w, first.bias / parts) for m, w in self._blocks(first).items()}
        if self.hidden is None:
            return split
        return {m: F.linear(F.relu(h), self.output.weight, self.output.bias / parts) for m, h in split.items()}

    def _linearised(self, features: Mapping[str, Tensor], fused: Tensor, kept: float) -> dict[str, Tensor]:
        if self.hidden is None:
            return {m: F.linear(features[m], w) for m, w in self._blocks(self.output).items()}
        gate = (fused != 0).to(fused) / (kept or 1.0)
        return {m: F.linear(F.linear(features[m], w) * gate, self.output.weight)
                for m, w in self._blocks(self.hidden).items()}
