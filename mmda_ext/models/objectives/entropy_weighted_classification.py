"""Class heads weighted by how sure they are (MOOSA; Dong et al., ECCV 2024)."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.models.heads.base import entropies, widen
from mmda_ext.models.objectives.modality_heads import ModalityHeads
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


@MODELS.register_module()
class EntropyWeightedClassification(ModalityHeads):
    r""":math:`w \operatorname{mean}_i \sum_h \omega_{ih} \mathrm{CE}_{ih}`, heads of the modalities and the fused one.

    :math:`\omega_i` is the softmax over heads of :math:`-H_{ih} / T`, with :math:`H` the entropy of a prediction; the
    weights carry gradient. The fused head votes, so this term stands in the place of the classifier's own
    cross-entropy: set ``cls_head.loss_weight=0``. It is filed under the classifier's task.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        temperature (float): :math:`T`.
        loss_weight (float): :math:`w`.
        task (str): Task of the loss, that of the classifier.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``temperature`` is not positive, or the classifier adds its own cross-entropy as well.
    """

    def __init__(self,
                 fusion: dict,
                 temperature: float = 1.0,
                 loss_weight: float = 1.0,
                 task: str = 'cls',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if not temperature > 0:
            raise ValueError(f'EntropyWeightedClassification: temperature={temperature!r} must be a number > 0')
        self.temperature, self.loss_weight = temperature, loss_weight

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Refuse a classifier that adds its cross-entropy a second time."""
        self.take_over_classification(model)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_entropy_weighted': scalar}``."""
        logits = torch.stack(step.predictions.voters(type(self).__name__))
        loss = entropy_weighted_cross_entropy(logits, step.labels, self.temperature)
        return {'loss_entropy_weighted': self.loss_weight * loss}


def entropy_weighted_cross_entropy(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean over the labelled samples, a scalar.

    Args:
        logits (Tensor): Of all heads, ``(K, N, C)``.
        labels (Tensor): Class indices, ``(N, )``; -1 where there is none.
        temperature (float): Of the softmax over heads.
    """
    weights = (-entropies(logits) / temperature).softmax(0)
    each = F.cross_entropy(widen(logits).movedim(2, 1), labels.expand(len(logits), -1), ignore_index=-1,
                           reduction='none')
    return (weights * each).sum() / (labels >= 0).sum().clamp_min(1)
