"""A backbone for modalities that are already feature vectors."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.registry import MODELS


@MODELS.register_module()
class MLPBackbone(BaseModule):
    """Linear, optional batch normalisation, ReLU and dropout, once per entry of ``hidden_channels``.

    Args:
        in_channels (int): Width of the flattened input.
        hidden_channels (Sequence[int]): Width of each layer; the last one is the feature width.
        dropout (float): Dropout after each ReLU.
        norm (bool): Batch normalisation in front of each ReLU.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If the input has another width.
    """

    def __init__(self,
                 in_channels: int,
                 hidden_channels: Sequence[int] = (128, ),
                 dropout: float = 0.0,
                 norm: bool = False,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        widths = [in_channels, *hidden_channels]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:]):
            layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if norm else []), nn.ReLU(),
                       nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, ...)`` -> ``(N, hidden_channels[-1])``."""
        x = x.flatten(1)
        if x.shape[1] != self.in_channels:
            raise ValueError(f'MLPBackbone: in_channels={self.in_channels}, but a sample has {x.shape[1]} numbers: set '
                             'in_channels of this modality in `model.backbones` to that')
        return self.layers(x)
