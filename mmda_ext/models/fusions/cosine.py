"""Summation of the cosines between features and class vectors of each modality."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import normalize

from mmda_ext import epsilons
from mmda_ext.models.fusions.sum import SumFusion
from mmda_ext.registry import MODELS


@MODELS.register_module()
class CosineFusion(SumFusion):
    r""":math:`l_y = s \sum_m \cos(z^m, W^m_y)`: no modality decides by the length of its features (MMCosine).

    No bias; features and class vectors have length 1, for each modality apart. Training and test use the same logits.

    Args:
        in_channels (dict[str, int]): Modality -> feature width ``D_m``.
        out_channels (int): Number of logits.
        hidden_channels (int, optional): Width of a hidden layer for each modality; by default there is none.
        scale (float): :math:`s`; 10 as released.
        kwargs: As :class:`Fusion`.

    Raises:
        ValueError: If ``scale`` is not positive.

    Source: Xu, Feng, Zhang, Hu, ICASSP 2023, and the authors' release. Differences: the release trains with the cosines
    and predicts without them, from a linear layer with bias; features without length, as those of a missing modality,
    have cosine 0 with every class.
    """

    bias = False

    def __init__(self,
                 in_channels: Mapping[str, int],
                 out_channels: int,
                 hidden_channels: int | None = None,
                 scale: float = 10.0,
                 **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, hidden_channels, **kwargs)
        if not scale > 0:
            raise ValueError(f'scale={scale!r} must be a number > 0')
        self.scale = scale

    def _logits(self, name: str, hidden: Tensor) -> Tensor:
        layer = self.output[name]
        assert isinstance(layer, nn.Linear)
        classes = normalize(layer.weight, dim=1, eps=epsilons.VARIANCE)
        return self.scale * normalize(hidden, dim=1, eps=epsilons.VARIANCE) @ classes.T
