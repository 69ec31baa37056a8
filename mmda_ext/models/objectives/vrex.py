"""Equal risks in all source domains (Krueger et al., ICML 2021)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.objectives.source_domains import AnnealedSourceObjective, cross_entropies
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class VREx(AnnealedSourceObjective):
    r""":math:`w \operatorname{mean}_j (L_j - \overline{L})^2`, the variance of the cross-entropies of the domains.

    (Risk extrapolation, V-REx; Krueger et al., ICML 2021, Eq. 8.) Args are those of :class:`AnnealedSourceObjective`;
    ``features='modalities'`` takes the class heads of the modalities.

    Differences from the public code (DomainBed): weight 10 after a tenth of the training, where that has it after 500
    of 5001 steps; the classification loss is the mean over samples, the same where batches hold as many of each domain.
    """

    default_task = 'vrex'

    def __init__(self, num_domains: int, *args: Any, loss_weight: float = 10.0, **kwargs: Any) -> None:
        super().__init__(num_domains, *args, loss_weight=loss_weight, **kwargs)

    def rows(self, step: Step) -> list[Tensor]:
        """Cross-entropy of each sample, ``(N, )``."""
        return [cross_entropies(logits, step) for logits in self.logits(step)]

    def criterion(self, parts: Sequence[Tensor]) -> Tensor:
        """Population variance of the means."""
        return torch.stack([part.mean() for part in parts]).var(correction=0)
