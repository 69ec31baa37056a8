"""Alignment of the joint distribution of features and predictions (JAN, Long et al., ICML 2017)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.adaptation import Comparison
from mmda_ext.models.heads.base import widen
from mmda_ext.models.kernels import discrepancy, gaussian_kernels
from mmda_ext.models.objectives.batch import BatchObjective, rows_of
from mmda_ext.registry import MODELS


@MODELS.register_module()
class JAN(BatchObjective):
    r"""Joint maximum mean discrepancy: the kernel is the product over layers, :math:`k = \prod_l k^l`.

    The layers of the fused criterion are :math:`Z_1, \dots, Z_M` and the fused class probabilities, those
    of a modality's are :math:`Z_m` and its own. Features have the five Gaussians of :class:`MKMMD`, probabilities one
    of a fixed width. Args are those of :class:`AdaptationObjective`, and:

    Args:
        fusion (dict): Fusion config of the recognizer.
        sigma (float): Width of the kernel of the class probabilities.
        unbiased (bool): Leave each sample's kernel with itself out.

    Raises:
        ValueError: If ``sigma`` is not positive.

    Differences from the paper: layers are modalities instead of the layers of one network; all pairs of the batch.
    """

    def __init__(self, fusion: dict, sigma: float = 0.92, unbiased: bool = True, **kwargs: Any) -> None:
        super().__init__(fusion, **kwargs)
        if not sigma > 0:
            raise ValueError(f'JAN: sigma={sigma!r} must be a positive number')
        self.sigma, self.unbiased = sigma, unbiased

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The discrepancy of the joint distribution."""
        probabilities = rows_of(widen(comparison.logits()).softmax(1), comparison)
        kernel = gaussian_kernels(torch.cat(probabilities), (1.0, ), self.sigma**2)
        for features in comparison.features.values():
            kernel = kernel * gaussian_kernels(torch.cat(rows_of(features, comparison)))
        return discrepancy(kernel, len(probabilities[0]), self.unbiased), {}
