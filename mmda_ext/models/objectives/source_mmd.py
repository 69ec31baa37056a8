"""Source domains whose features agree in all moments, by kernels (Li et al., CVPR 2018; DomainBed's form)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.kernels import discrepancy, gaussian_kernels
from mmda_ext.models.objectives.source_domains import SourceObjective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

#: Of DomainBed.
GAMMAS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


@MODELS.register_module()
class SourceMMD(SourceObjective):
    r""":math:`w` times the mean over pairs of source domains of the squared maximum mean discrepancy of their features.

    .. math::
        \overline{k^{ii}} + \overline{k^{jj}} - 2 \overline{k^{ij}},\qquad
        k(x, y) = \sum_g \exp(-g \lVert x - y \rVert^2)

    Args are those of :class:`SourceObjective`, and:

    Args:
        gammas (Sequence[float]): :math:`g > 0`, one for each kernel.

    Raises:
        ValueError: If a ``gamma`` is not positive.

    Differences from the public code (DomainBed): the mean over modalities where ``features='modalities'``.
    """

    default_task = 'mmd'

    def __init__(self, num_domains: int, *args: Any, features: str = 'modalities', gammas: Sequence[float] = GAMMAS,
                 **kwargs: Any) -> None:
        super().__init__(num_domains, *args, features=features, **kwargs)
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
        return torch.stack([discrepancy(kernel[own][:, own], count, unbiased=False) for count, own in pairs]).mean()
