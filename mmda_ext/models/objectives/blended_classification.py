"""Weighted sum of the cross-entropies of each modality's head and of the fused classifier."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmda_ext.models.adaptation import FUSED
from mmda_ext.models.heads.base import masked_cross_entropy
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


@MODELS.register_module()
class BlendedClassification(Objective):
    r""":math:`\sum_{k=1}^{M+1} w_k \mathrm{CE}_k`, with weights that a hook sets.

    (Gradient-Blending, Wang, Tran, Feiszli, CVPR 2020, Eq. 1.) It reads the logits of the recognizer's ``cls_head`` and
    of the heads of the modalities, for which another objective asks. Give those two ``loss_weight=0.0``, so that no
    cross-entropy counts twice. The weights are a buffer, so checkpoints carry them; they are equal until
    :class:`~mmda_ext.engine.hooks.GradientBlendingHook` sets them.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        task (str): Task that the sum counts to; by default that of ``cls_head``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If the classifier adds its own cross-entropy as well.
    """

    example_objectives = (dict(type='mmda_ext.LocalClassification', loss_weight=0.0), )

    weights: Tensor

    def __init__(self, fusion: dict, task: str = 'cls', init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.predictors = (*fusion['in_channels'], FUSED)
        self.register_buffer('weights', torch.full((len(self.predictors), ), 1 / len(self.predictors)))

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Refuse a classifier that adds its cross-entropy a second time."""
        self.take_over_classification(model)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_blend': scalar, 'ce_<modality>': scalar, ..., 'ce_fused': scalar}``."""
        terms = {name: masked_cross_entropy(value, step.labels) for name, value in self.head_logits(step).items()}
        total = (self.weights * torch.stack(list(terms.values()))).sum()
        return {'loss_blend': total, **{f'ce_{name}': value.detach() for name, value in terms.items()}}

    def head_logits(self, step: Step) -> dict[str, Tensor]:
        """Logits ``(N, C)`` of each head, the fused one last.

        Raises:
            ValueError: If the model has no heads of the modalities.
        """
        return dict(zip(self.predictors, step.predictions.voters(type(self).__name__)))
