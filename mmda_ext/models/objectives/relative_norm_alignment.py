"""Equal mean feature norms of the modalities (RNA-Net; Planamente et al., WACV 2022)."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.base import Objective, modalities_of
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class RelativeNormAlignment(Objective):
    r""":math:`w` times the mean over pairs of modalities of :math:`(N^a / N^b - 1)^2`.

    :math:`N^m = \frac{1}{B} \sum_i \lVert z_i^m \rVert_2` over the samples of all processes; both norms carry gradient.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        order (Sequence[str], optional): All modalities; of a pair, the one that comes first is the numerator. The
            published order is video, flow, audio. By default that of the recognizer.
        loss_weight (float): :math:`w`.
        task (str, optional): As in :class:`Objective`; by default ``relative_norm``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is one modality only, or ``order`` does not name each modality once.

    Differences from the paper: the loss works on the features of the fused classifier; the original sums the scores of
    separate classifiers. A denominator below 1e-6 counts as 1e-6.
    """

    takes_mixed = True

    def __init__(self,
                 fusion: dict,
                 order: Sequence[str] | None = None,
                 loss_weight: float = 1.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        names = modalities_of(fusion, 'RelativeNormAlignment')
        if order is not None and sorted(order) != sorted(names):
            raise ValueError(f'RelativeNormAlignment: order={order!r} must name each of {names} once')
        self.order, self.loss_weight = tuple(order or names), loss_weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_relative_norm': scalar}``."""
        norms = [joined_mean(torch.linalg.vector_norm(widen(step.features[name]), dim=1)) for name in self.order]
        terms = [(above / below.clamp_min(epsilons.VARIANCE) - 1).square() for above, below in combinations(norms, 2)]
        return {'loss_relative_norm': self.loss_weight * torch.stack(terms).mean()}
