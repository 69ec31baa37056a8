"""Feature-wise linear modulation."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.models.fusions.base import Fusion
from mmda_ext.registry import MODELS


@MODELS.register_module()
class FiLMFusion(Fusion):
    r""":math:`W_2(\gamma \odot P^y z^y + \beta) + b_2` with :math:`[\gamma; \beta] = P^x z^x`.

    Perez et al., AAAI 2018. The modulating vector is the concatenation of all other modalities. Args are those of
    :class:`Fusion`, and:

    Args:
        modulated (str, optional): The modality that is modulated; default the last of ``in_channels``. OGM-GE
            modulates video by audio: ``modulated='video'``.
        activation (bool): ReLU in front of the last layer; off in the reference form.

    Raises:
        ValueError: If there are fewer than two modalities, or ``modulated`` is none of them.
    """

    def __init__(self, *args: Any, modulated: str | None = None, activation: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.content = modulated or self.modalities[-1]
        if len(self.modalities) < 2 or self.content not in self.modalities:
            raise ValueError(f'{type(self).__name__} needs two modalities or more and modulated={self.content!r} '
                             f'among them, got {self.modalities}')
        width = self.hidden_channels or 512
        self.conditions = [name for name in self.modalities if name != self.content]
        self.project = nn.Linear(self.in_channels[self.content], width)
        self.modulate = nn.Linear(sum(self.in_channels[name] for name in self.conditions), 2 * width)
        self.activation = nn.ReLU() if activation else nn.Identity()
        self.output = nn.Linear(width, self.out_channels)

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """Modulated projection ``(N, hidden_channels)`` (512 in the linear form of OGM-GE)."""
        gamma, beta = self.modulate(torch.cat([features[name] for name in self.conditions], dim=1)).chunk(2, dim=1)
        return self.dropout(self.activation(gamma * self.project(features[self.content]) + beta))

    def classify(self, fused: Tensor) -> Tensor:
        """``(N, D) -> (N, out_channels)``."""
        return self.output(fused)
