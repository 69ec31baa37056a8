"""From whatever a backbone returns to one feature vector per sample."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.registry import MODELS


@MODELS.register_module()
class PoolNeck(BaseModule):
    """Average over space, time and views; concatenate the parts of a multi-path backbone.

    Takes ``(R, C)``, ``(R, C, H, W)``, ``(R, C, T, H, W)`` or a sequence of such tensors, nested or not (SlowFast:
    slow, then fast; MViT: patches, then class token), with ``R`` a multiple of the batch size: the rows of one sample
    (views, or the frames of a 2-D backbone) are averaged.

    Args:
        dropout (float): Dropout on the pooled vector. What leaves it is the feature that all losses share.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self, dropout: float = 0.0, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.dropout = nn.Dropout(dropout)

    def forward(self, outputs: Any, num_samples: int) -> Tensor:
        """Features ``(N, D)``.

        Raises:
            ValueError: If the rows do not divide into ``num_samples``.
        """
        pooled = [part.flatten(2).mean(2) if part.dim() > 2 else part for part in _tensors(outputs)]
        feature = torch.cat(pooled, dim=1)
        if feature.shape[0] % num_samples:
            raise ValueError(f'{feature.shape[0]} rows of features do not divide into {num_samples} samples: '
                             'every sample of a batch needs the same number of views')
        if feature.shape[0] != num_samples:
            feature = feature.view(num_samples, -1, feature.shape[1]).mean(1)
        return self.dropout(feature)


def _tensors(outputs: Tensor | Sequence[Any]) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        yield outputs
    else:
        for part in outputs:
            yield from _tensors(part)
