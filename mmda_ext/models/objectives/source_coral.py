"""Source domains whose features agree in mean and covariance (after Sun and Saenko, ECCVW 2016; DomainBed's form)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.alignment import SecondMoments, attach
from mmda_ext.models.objectives.source_domains import SourceObjective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class SourceCORAL(SourceObjective):
    r""":math:`w` times the mean over pairs of source domains of the distance of means and covariances.

    .. math::
        \frac1d \lVert \mu_i - \mu_j \rVert^2 + \frac1{d^2} \lVert C_i - C_j \rVert_F^2

    for :math:`d` features and covariances with divisor :math:`n - 1`. Args are those of :class:`SourceObjective`.

    Differences from the public code (DomainBed): the mean over modalities where ``features='modalities'``. Deep CORAL
    has :math:`1/(4 d^2)` and no means.
    """

    default_task = 'coral'

    def __init__(self, num_domains: int, fusion: dict | None = None, features: str = 'modalities',
                 **kwargs: Any) -> None:
        super().__init__(num_domains, fusion, features, **kwargs)

    def rows(self, step: Step) -> list[Tensor]:
        """The features."""
        return self.representations(step)

    def criterion(self, parts: Sequence[Tensor]) -> Tensor:
        """Mean over pairs of domains."""
        return torch.stack([_distance(one, other) for one, other in combinations(parts, 2)]).mean()


def _distance(one: Tensor, other: Tensor) -> Tensor:
    moments = SecondMoments(dict(z=one.detach()), dict(z=other.detach()))
    value, gradients = moments.distance(['z'], mean_term=True, factor=one.shape[1]**-2)
    return attach(value, dict(z=torch.cat([one, other])), gradients)
