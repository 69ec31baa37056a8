"""What every fusion offers: fused logits, and the logits of each modality alone."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.models.freezing import evaluating
from mmda_ext.registry import MODELS


class Fusion(BaseModule):
    """A predictor on the features of all modalities: ``{m: (N, D_m)} -> (N, out_channels)``.

    The order of ``in_channels`` is the order of the modalities.

    Args:
        in_channels (dict[str, int]): Modality -> feature width ``D_m``.
        out_channels (int): Number of logits.
        hidden_channels (int, optional): Width of the hidden layer; ``None`` gives the linear form.
        dropout (float): Dropout on the hidden layer.
        init_cfg (dict, optional): As in MMEngine.
    """

    #: Ways to split the prediction by modality that make sense for this fusion.
    modes: ClassVar[tuple[str, ...]] = ('masked', )
    #: Whether :meth:`of_subset` predicts.
    leaves_out: ClassVar[bool] = False
    #: Arguments of a small example, beside classes, domains and tasks: what the tests of all classes build.
    example: ClassVar[Mapping[str, Any]] = {}

    def __init__(self,
                 in_channels: Mapping[str, int],
                 out_channels: int,
                 hidden_channels: int | None = 256,
                 dropout: float = 0.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not in_channels:
            raise ValueError('in_channels is empty: name each modality and its feature width')
        self.in_channels = dict(in_channels)
        self.out_channels, self.hidden_channels = out_channels, hidden_channels
        self.dropout = nn.Dropout(dropout)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self.in_channels)

    @abstractmethod
    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """The fused representation in front of the last layer, ``(N, D)``."""

    @abstractmethod
    def classify(self, fused: Tensor) -> Tensor:
        """The last layer: ``(N, D) -> (N, out_channels)``."""

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Fused logits ``(N, out_channels)``."""
        return self.classify(self.fuse(features))

    def of_subset(self, features: Mapping[str, Tensor]) -> Tensor | None:
        """Fused logits ``(N, out_channels)`` of some modalities, the others left out; None where that has no form."""
        return None

    def check_mode(self, mode: str) -> None:
        """Refuse a split that this fusion does not have.

        Raises:
            ValueError: Naming the mode and the possible ones.
        """
        if mode not in self.modes:
            raise ValueError(f'modality_logits={mode!r} is not defined for {type(self).__name__}: '
                             f'choose one of {self.modes}')

    @torch.no_grad()
    def modality_logits(self, features: Mapping[str, Tensor], mode: str = 'masked',
                        fused: Tensor | None = None) -> dict[str, Tensor]:
        """Logits of each modality alone, ``{m: (N, out_channels)}``, without gradient.

        * ``'masked'``: the fused prediction with every other modality's features set to zero; evaluation mode.
        * ``'share'``: additive split, biases shared equally.
        * ``'linearised'``: additive split with the hidden units of a full forward pass held fixed.

        Args:
            features (dict[str, Tensor]): Modality -> ``(N, D_m)``.
            mode (str): Which split.
            fused (Tensor, optional): What :meth:`fuse` returned in the pass that is split, with its dropout,
                ``(N, D)``; by default a pass in evaluation mode.
        """
        self.check_mode(mode)
        # Outside autocast, features of a mixed-precision step meet weights of full precision.
        dtype = next(self.parameters()).dtype
        features = {name: features[name].detach().to(dtype) for name in self.modalities}
        kept = 1 - self.dropout.p if fused is not None and self.dropout.training else 1.0
        with evaluating(self):
            hidden = self.fuse(features) if fused is None else fused.detach()
            return getattr(self, f'_{mode}')(features, hidden.to(dtype), kept)

    def _masked(self, features: Mapping[str, Tensor], fused: Tensor, kept: float) -> dict[str, Tensor]:
        zeros = {name: torch.zeros_like(value) for name, value in features.items()}
        return {name: self({**zeros, name: value}) for name, value in features.items()}


def fused_width(fusion: dict) -> int:
    """Width of the representation in front of the last layer of a fusion, from its config."""
    with torch.device('meta'):
        built: Fusion = MODELS.build({**fusion, 'out_channels': 1})
        features = {name: torch.empty(2, width) for name, width in built.in_channels.items()}
        return built.fuse(features).shape[1]
