"""Shared and modality-specific halves of a feature, driven apart (SimMMDG; Dong et al., NeurIPS 2023)."""

import math

import torch
from torch import Tensor

from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class FeatureSplitting(Objective):
    r""":math:`-w` times the mean over modalities of the mean square of :math:`s^m - p^m`.

    :math:`s^m` is the first half of :math:`z^m`, shared between modalities, :math:`p^m` the second one. As published,
    the loss has no lower bound: where all of an encoder trains, features can grow until nothing else counts.
    ``margin`` stops that.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        loss_weight (float): :math:`w`; 0.7 in the release.
        margin (float, optional): Mean square from which on a modality's halves are far enough apart: it counts as this
            much there and has no gradient. No bound by default, as published.
        task (str, optional): As in :class:`Objective`; by default ``splitting``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If a feature has an odd width, or ``margin`` is not positive.
    """

    def __init__(self,
                 fusion: dict,
                 loss_weight: float = 0.7,
                 margin: float | None = None,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.modalities = tuple(half_widths(fusion, 'FeatureSplitting'))
        if margin is not None and not margin > 0:
            raise ValueError(f'FeatureSplitting: margin={margin!r} must be a number > 0, or None for no bound')
        self.loss_weight, self.margin = loss_weight, margin

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_splitting': scalar}``, at most 0."""
        pairs = [halves(widen(step.features[name])) for name in self.modalities]
        gaps = [shared - specific for shared, specific in pairs]
        # The bound is one of the joined batch.
        terms = torch.stack([joined_mean(gap.square().mean(1)) for gap in gaps])
        return {'loss_splitting': -self.loss_weight * terms.clamp(max=self.margin or math.inf).mean()}


def halves(feature: Tensor) -> tuple[Tensor, Tensor]:
    """Shared and specific half of ``(N, D)``, each ``(N, D / 2)``."""
    shared, specific = feature.chunk(2, dim=1)
    return shared, specific


def half_widths(fusion: dict, owner: str) -> dict[str, int]:
    """Width of one half by modality.

    Raises:
        ValueError: If a width is odd.
    """
    odd = {name: width for name, width in fusion['in_channels'].items() if width % 2}
    if odd:
        raise ValueError(f'{owner} cuts features into halves, but in_channels has odd widths {odd}: choose even ones')
    return {name: width // 2 for name, width in fusion['in_channels'].items()}
