"""One classifier that is optimal in every source domain (Arjovsky et al., 2019)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.objectives.source_domains import AnnealedSourceObjective, targets_of
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class IRM(AnnealedSourceObjective):
    r""":math:`w \operatorname{mean}_j \overline{g}_j^{\text{even}}\, \overline{g}_j^{\text{odd}}`.

    Invariant risk minimization, IRMv1 (Arjovsky, Bottou, Gulrajani, Lopez-Paz, arXiv 1907.02893, Eq. IRMv1 and
    Appendix D). The derivative of the cross-entropy of domain j for a common factor of its logits, at factor 1, is the
    mean over its samples of

    .. math::
        g_i = \sum_c (p_{ic} - y_{ic})\, l_{ic}

    Its square is estimated without bias by the product of the means over every second sample and over the others. Args
    are those of :class:`AnnealedSourceObjective`; ``features='modalities'`` takes the class heads of the modalities.

    Differences from the public code (DomainBed): the derivative in closed form, without a second backward pass; weight
    100 after a tenth of the training, where that has it after 500 of 5001 steps; the classification loss is the mean
    over samples, the same where batches hold as many of each domain.
    """

    default_task = 'irm'

    def __init__(self, num_domains: int, *args: Any, loss_weight: float = 100.0, **kwargs: Any) -> None:
        super().__init__(num_domains, *args, loss_weight=loss_weight, **kwargs)

    def rows(self, step: Step) -> list[Tensor]:
        """:math:`g_i`, ``(N, )``."""
        return [((logits.softmax(1) - targets_of(step, logits.shape[1]).to(logits)) * logits).sum(1)
                for logits in self.logits(step)]

    def criterion(self, parts: Sequence[Tensor]) -> Tensor:
        """Mean over domains of the squared derivative, which may be negative."""
        return torch.stack([part[0::2].mean() * part[1::2].mean() for part in parts]).mean()
