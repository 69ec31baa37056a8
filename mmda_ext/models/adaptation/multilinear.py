"""Products of features and class probabilities (Long et al., NeurIPS 2018)."""

import torch
from torch import Tensor, nn


class MultilinearMap(nn.Module):
    r""":math:`f \otimes g` flattened by class, or, where that is too wide, :math:`(f R_f) \odot (g R_g) / \sqrt{D}`.

    The :math:`R` are fixed standard-normal matrices, saved with the model.

    Args:
        in_channels (int): Width ``d`` of the features.
        num_classes (int): Number of classes ``C``.
        max_width (int): Largest ``d * C`` for which the product is exact.
        random_channels (int): :math:`D`, the width of the random map.

    Attributes:
        out_channels (int): Width of the result.
    """

    of_features: Tensor
    of_classes: Tensor

    def __init__(self, in_channels: int, num_classes: int, max_width: int = 4096, random_channels: int = 1024) -> None:
        super().__init__()
        self.exact = in_channels * num_classes <= max_width
        self.out_channels = in_channels * num_classes if self.exact else random_channels
        if not self.exact:
            self.register_buffer('of_features', torch.randn(in_channels, random_channels))
            self.register_buffer('of_classes', torch.randn(num_classes, random_channels))

    def forward(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """``(N, d)`` and ``(N, C)`` -> ``(N, out_channels)``."""
        if self.exact:
            return (probabilities[:, :, None] * features[:, None, :]).flatten(1)
        return (features @ self.of_features) * (probabilities @ self.of_classes) / self.out_channels**.5
