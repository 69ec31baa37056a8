"""A recurrent encoder of sequences."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.compat import recurrent
from mmda_ext.registry import MODELS


@MODELS.register_module()
class LSTMEncoder(BaseModule):
    """Unidirectional LSTM, then the maximum over the time steps of a sequence.

    Padding follows the sequence, so a step never sees it; steps past the end are left out of the maximum. An empty
    sequence counts as one step of zeros.

    Args:
        in_channels (int): Width ``F`` of the features.
        out_channels (int, optional): Hidden width, which is the width of the result; ``in_channels`` where nothing is
            named.
        num_layers (int): Layers.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int | None = None,
                 num_layers: int = 1,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.out_channels = out_channels or in_channels
        self.lstm = nn.LSTM(in_channels, self.out_channels, num_layers, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(N, L, F)`` and lengths ``(N, )`` -> ``(N, out_channels)``."""
        steps = torch.arange(x.shape[1], device=x.device)
        x = x.masked_fill((steps >= lengths[:, None])[..., None], 0)
        out, _ = recurrent(self.lstm, x)
        outside = steps >= lengths.clamp(min=1)[:, None]
        return out.masked_fill(outside[..., None], -torch.inf).amax(dim=1)
