"""Summation of per-modality logits."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmda_ext.models.fusions.base import Fusion
from mmda_ext.registry import MODELS


@MODELS.register_module()
class SumFusion(Fusion):
    r""":math:`\sum_m (W_2^m\,\mathrm{ReLU}(W_1^m z^m + b_1^m) + b_2^m)`: one predictor per modality, logits added.

    (Adding projected features in front of the ReLU would be the same as concatenation.) Args are those of
    :class:`Fusion`. Every split by modality is the modality's own branch with its own biases.
    """

    modes = ('masked', 'share', 'linearised')
    leaves_out = True
    #: Whether the last layer of a branch has one.
    bias: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hidden = self.hidden_channels
        self.hidden = nn.ModuleDict({
            name: nn.Linear(width, hidden) if hidden else nn.Identity()
            for name, width in self.in_channels.items()
        })
        self.output = nn.ModuleDict(
            {name: nn.Linear(hidden or width, self.out_channels, bias=self.bias)
             for name, width in self.in_channels.items()})

    def _branch(self, name: str, feature: Tensor) -> Tensor:
        hidden = self.hidden[name](feature)
        return self.dropout(torch.relu(hidden) if self.hidden_channels else hidden)

    def _logits(self, name: str, hidden: Tensor) -> Tensor:
        """What a branch adds, from its hidden layer."""
        return self.output[name](hidden)

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """Hidden layers of all branches, one after the other, ``(N, sum of widths)``."""
        return torch.cat([self._branch(name, features[name]) for name in self.modalities], dim=1)

    def classify(self, fused: Tensor) -> Tensor:
        """Sum of the branches' logits, ``(N, out_channels)``."""
        widths = [self.output[name].in_features for name in self.modalities]
        parts = fused.split(widths, dim=1)
        return torch.stack([self._logits(name, part) for name, part in zip(self.modalities, parts)]).sum(0)

    def of_subset(self, features: Mapping[str, Tensor]) -> Tensor | None:
        """Sum of the logits of their branches, ``(N, out_channels)``."""
        return torch.stack([self._logits(name, self._branch(name, value)) for name, value in features.items()]).sum(0)

    def _masked(self, features: Mapping[str, Tensor], fused: Tensor, kept: float) -> dict[str, Tensor]:
        return {name: self._logits(name, self._branch(name, value)) for name, value in features.items()}

    _share = _linearised = _masked
