"""Alignment of all moments of source and target by kernels: DAN (Long et al., ICML 2015), and its linear form, DDC."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.models.adaptation import Comparison
from mmda_ext.models.kernels import ALPHAS, discrepancy, gaussian_kernels, linear_kernel
from mmda_ext.models.objectives.batch import BatchObjective, rows_of
from mmda_ext.registry import MODELS

KERNELS = ('gaussian', 'linear')
ESTIMATORS = ('unbiased', 'biased')


@MODELS.register_module()
class MKMMD(BatchObjective):
    r"""Squared maximum mean discrepancy :math:`\overline{k^{ss}} + \overline{k^{tt}} - 2 \overline{k^{st}}`.

    (DAN Eq. 1.) With ``kernel='linear', estimator='biased'`` it is DDC's :math:`\lVert \mu^s - \mu^t \rVert^2` (Tzeng
    et al., 2014). Args are those of :class:`AdaptationObjective`, and:

    Args:
        fusion (dict): Fusion config of the recognizer.
        kernel (str): ``'gaussian'``, a sum of Gaussians whose bandwidths follow the batch, or ``'linear'``.
        estimator (str): ``'unbiased'``, which may be negative, or ``'biased'``.
        alphas (Sequence[float]): Bandwidths of the Gaussians as parts of the mean squared distance in the batch.

    Raises:
        ValueError: If an option is unknown, or a bandwidth is not positive.

    Differences from the papers: all kernels have the same weight, and pairs are all those of the batch, where DAN
    learns weights and takes a linear-time estimate. No constant is added to keep the logged value positive.
    """

    def __init__(self,
                 fusion: dict,
                 kernel: str = 'gaussian',
                 estimator: str = 'unbiased',
                 alphas: Sequence[float] = ALPHAS,
                 **kwargs: Any) -> None:
        super().__init__(fusion, **kwargs)
        for key, value, known in (('kernel', kernel, KERNELS), ('estimator', estimator, ESTIMATORS)):
            choose(key, value, known, 'MKMMD')
        if not alphas or min(alphas) <= 0:
            raise ValueError(f'MKMMD: alphas={alphas!r} must be positive numbers, one for each kernel')
        self.kernel, self.unbiased, self.alphas = kernel, estimator == 'unbiased', tuple(alphas)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The discrepancy of the features."""
        source, target = rows_of(comparison.joined, comparison)
        rows = torch.cat([source, target])
        kernel = linear_kernel(rows) if self.kernel == 'linear' else gaussian_kernels(rows, self.alphas)
        return discrepancy(kernel, len(source), self.unbiased), {}
