"""Pre-trained encoder, sequence encoder and projection: one feature vector per sample."""

from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.models.data_preprocessors.padding import Padded, as_padded
from mmda_ext.registry import MODELS


class Projection(nn.Module):
    """Linear, optional batch normalisation, ReLU, optional scaling of each row to length 1.

    Args:
        in_channels (int): Width of the input.
        channels (int): Width of the result.
        norm (str, optional): ``'batch'`` or ``None``.
        l2 (bool): Divide each row by its length.

    Raises:
        ValueError: If ``norm`` is unknown.
    """

    def __init__(self, in_channels: int, channels: int = 256, norm: str | None = 'batch', l2: bool = False) -> None:
        super().__init__()
        if norm not in ('batch', None):
            raise ValueError(f'projection.norm={norm!r} is unknown: choose "batch" or None')
        self.linear = nn.Linear(in_channels, channels)
        self.norm = nn.BatchNorm1d(channels) if norm else nn.Identity()
        self.l2 = l2

    def forward(self, x: Tensor) -> Tensor:
        """``(N, in_channels)`` -> ``(N, channels)``."""
        x = self.norm(self.linear(x)).relu()
        return nn.functional.normalize(x, dim=1) if self.l2 else x


@MODELS.register_module()
class SequenceBackbone(BaseModule):
    """Sequences of variable length to one vector per sample: :class:`Padded` ``(N, L, ...)`` -> ``(N, D)``.

    Args:
        sequence (dict): Config of the sequence encoder; its ``in_channels`` is that of the encoder unless named.
        encoder (dict, optional): Config of a :class:`PretrainedEncoder`; without it, the inputs are sequences of
            features ``(N, L, F)`` already.
        projection (dict, optional): Arguments of :class:`Projection`; without it, the vector of the sequence encoder.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is neither an encoder nor ``sequence.in_channels``.
    """

    def __init__(self,
                 sequence: dict,
                 encoder: dict | None = None,
                 projection: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.encoder: Any = None if encoder is None else MODELS.build(encoder)
        if encoder is None and 'in_channels' not in sequence:
            raise ValueError('without `encoder`, `sequence.in_channels` must say how wide the features are')
        width = {} if self.encoder is None else dict(in_channels=self.encoder.out_channels)
        self.sequence = MODELS.build({**width, **sequence})
        self.out_channels = self.sequence.out_channels
        self.projection: nn.Module = nn.Identity()
        if projection is not None:
            self.projection = Projection(self.out_channels, **projection)
            self.out_channels = self.projection.linear.out_features

    def forward(self, inputs: Padded | Tensor) -> Tensor:
        """One vector per sample, ``(N, out_channels)``."""
        inputs = as_padded(inputs)
        states = inputs if self.encoder is None else self.encoder(inputs)
        return self.projection(self.sequence(states.values, states.lengths))
