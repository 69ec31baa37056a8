"""Source domains whose features agree in all moments, by kernels (Li et al., CVPR 2018; DomainBed's form)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.models.kernels import discrepancy, gaussian_kernels
from mmda_ext.models.objectives.mk_mmd import ESTIMATORS
from mmda_ext.models.objectives.source_domains import SourceObjective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

#: Of DomainBed: a thousandth to a thousand.
GAMMAS = tuple(10.0**power for power in range(-3, 4))


@MODELS.register_module()
class SourceMMD(SourceObjective):
    r""":math:`w` times the mean over pairs of source domains of the squared maximum mean discrepancy of their features.

    .. math::
        \overline{k^{ii}} + \overline{k^{jj}} - 2 \overline{k^{ij}},\qquad
        k(x, y) = \sum_g \exp(-g \lVert x - y \rVert^2)

    Args are those of :class:`SourceObjective`, and:

    Args:
        estimator (str): ``'biased'`` as published: the pairs of a row with itself count in the first two means, which
            draws the rows of a small batch together whatever their domains; or ``'unbiased'``, which may be negative.
        gammas (Sequence[float]): :math:`g > 0`, one for each kernel.

    Raises:
        ValueError: If the estimator is unknown, or a ``gamma`` is not positive.

    Differences from the public code (DomainBed): the mean over modalities where ``features='modalities'``.
    """

    default_task = 'mmd'

    def __init__(self, num_domains: int, fusion: dict | None = None, features: str = 'modalities',
                 estimator: str = 'biased', gammas: Sequence[float] = GAMMAS, **kwargs: Any) -> None:
        super().__init__(num_domains, fusion, features, **kwargs)
        self.unbiased = choose('estimator', estimator, ESTIMATORS, 'SourceMMD') == 'unbiased'
        if not gammas or min(gammas) <= 0:
            raise ValueError(f'SourceMMD: gammas={gammas!r} must be positive numbers, one for each kernel')
        self.gammas = tuple(gammas)

    def rows(self, step: Step) -> list[Tensor]:
        """The features."""
        return self.representations(step)

    def criterion(self, parts: Sequence[Tensor]) -> Tensor:
        """Mean over pairs of domains."""
        kernel = gaussian_kernels(torch.cat(list(parts)), [1 / gamma for gamma in self.gammas], variance=0.5)
        places = torch.arange(len(kernel), device=kernel.device).split([len(part) for part in parts])
        pairs = [(len(one), torch.cat([one, other])) for one, other in combinations(places, 2)]
        return torch.stack([discrepancy(kernel[own][:, own], count, self.unbiased) for count, own in pairs]).mean()
