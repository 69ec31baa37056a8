"""Projections drawn to mixtures of an averaged teacher's, across modalities (CMRF; Fan et al., NeurIPS 2024)."""

import logging
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmda_ext.models.heads.base import probabilities
from mmda_ext.models.objectives.base import Objective, modalities_of, weights_by_modality
from mmda_ext.models.objectives.supervised_contrastive import SupervisedContrastive
from mmda_ext.models.predictors import combine
from mmda_ext.models.projection import direction_distance
from mmda_ext.models.step import Step
from mmda_ext.models.teacher import AveragedTeacher
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


@MODELS.register_module()
class CrossModalDistillation(Objective):
    r""":math:`w \sum_m \beta_m \sum_{q \in Q_m} \operatorname{mean}_i \lVert n(q_i) - n(r_i^m) \rVert_2`.

    :math:`r^m` are the student's projections; the targets :math:`Q_m` are mixtures of those of the teacher, an
    :class:`~mmda_ext.models.teacher.AveragedTeacher` of the whole model. Each pair of modalities is mixed twice, once
    with more than half of the one and once with more than half of the other (see :func:`mixture_weights`), so that each
    member of a pair has a target that is mostly itself. The loss begins when the teacher is an average, after ``start``
    steps.

    It needs :class:`SupervisedContrastive`, which owns the projections, and
    ``dict(type='mmda_ext.AveragedTeacherHook')`` among the hooks. Where the model has class heads of the modalities,
    the teacher also predicts with all of its own (``teacher_ensemble``), beside its fused prediction (``teacher``).

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        start (int): :math:`t_0`, steps before the teacher averages; 400 on EPIC-Kitchens, 100 on HAC in the release.
        alpha (float): Parameter of the Beta distribution of the mixing weights.
        modality_weights (dict[str, float], optional): :math:`\beta_m`; 1 where a modality is not named.
        loss_weight (float): :math:`w`.
        task (str, optional): As in :class:`Objective`; by default ``distillation``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is one modality only, ``start`` is below 1, ``alpha`` is not positive, ``modality_weights``
            names a modality that the model does not have, or the model has no projections.
    """

    example_objectives = (dict(type='mmda_ext.SupervisedContrastive'), )

    teacher: AveragedTeacher

    def __init__(self,
                 fusion: dict,
                 start: int = 400,
                 alpha: float = 0.1,
                 modality_weights: Mapping[str, float] | None = None,
                 loss_weight: float = 3.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if not alpha > 0:
            raise ValueError(f'CrossModalDistillation: alpha={alpha!r} must be a number > 0')
        self.pairs = tuple(combinations(modalities_of(fusion, 'CrossModalDistillation'), 2))
        self.modality_weights = weights_by_modality(modality_weights, fusion, 'CrossModalDistillation')
        self.start, self.alpha, self.loss_weight = start, alpha, loss_weight
        self._calls = 0

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Copy the model; the copy has no teacher of its own."""
        found = [index for index, own in enumerate(model.objectives) if isinstance(own, SupervisedContrastive)]
        if not found:
            raise ValueError('CrossModalDistillation distils projections: add mmda_ext.SupervisedContrastive '
                             '(features="full") to `objectives`')
        self._projects = found[0]
        # In a tuple, so that it stays a part of the model alone.
        self._student = (model.objectives[found[0]], )
        self.teacher = AveragedTeacher(model, self.start)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_distillation': scalar}``, or nothing while the teacher is no average yet."""
        self._check_updates()
        if self.teacher.num_updates < self.start:
            return {}
        with torch.no_grad():
            targets = self._teach(step)
        own = self._student[0].projections(step)
        terms = [self.modality_weights[name] * direction_distance(own[name], target) for name, target in targets]
        return {'loss_distillation': self.loss_weight * torch.stack(terms).sum()}

    def _check_updates(self) -> None:
        self._calls += 1
        if self._calls == self.start + 1 and not self.teacher.num_updates:
            print_log(f'CrossModalDistillation: the teacher was not updated in {self.start} steps, so there is nothing '
                      "to distil: add dict(type='mmda_ext.AveragedTeacherHook') to custom_hooks", logger='current',
                      level=logging.WARNING)

    def _teach(self, step: Step) -> list[tuple[str, Tensor]]:
        """Mixtures ``(N, P)``, each with the modality that it is a target for."""
        teacher = self.teacher.module
        features = teacher.extract_feat(step.inputs, step.num_samples)
        projections = teacher.objectives[self._projects].project(features)
        targets = []
        for pair in self.pairs:
            first, second = (projections[name] for name in pair)
            mixed = [mix(first, second, share) for share in mixture_weights(first, self.alpha)]
            targets += list(zip(pair, mixed))
        return targets

    def predict(self, model: 'MultimodalRecognizer', inputs: Mapping[str, Tensor],
                features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Probabilities ``(N, C)`` of ``teacher`` and ``teacher_ensemble``; none before its first update.

        A model that was loaded without its teacher would otherwise report a random one.
        """
        if not self.teacher.num_updates:
            return {}
        teacher = self.teacher.module
        taught = teacher.extract_feat(inputs, len(next(iter(features.values()))))
        out = {'teacher': probabilities(teacher.cls_head(taught))}
        if model.modality_heads:
            own = [head(taught[modality]) for modality, head in teacher.modality_heads.items()]
            out['teacher_ensemble'] = probabilities(combine([teacher.cls_head(taught), *own]))
        return out


def mixture_weights(like: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    r"""Shares of the first of two modalities in the targets of the first and of the second, each ``(N, 1)``.

    :math:`\lambda_1 \sim \mathrm{Beta}(\alpha, \alpha)` given :math:`\lambda_1 > 1/2`, and :math:`\lambda_2` given
    :math:`\lambda_2 < 1/2`. The distribution is symmetric, so that the larger of :math:`\lambda` and
    :math:`1 - \lambda` is distributed as the former: no draw has to be rejected.
    """
    concentration = torch.full((len(like), 2), alpha, dtype=like.dtype, device=like.device)
    draws = torch.distributions.Beta(concentration, concentration, validate_args=False).sample()
    return torch.maximum(draws, 1 - draws)[:, :1], torch.minimum(draws, 1 - draws)[:, 1:]


def mix(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    r""":math:`\lambda r^1 + (1 - \lambda) r^2` of rows ``(N, P)`` with shares ``(N, 1)``."""
    return share * first + (1 - share) * second
