"""A linear class head per modality, trained with its encoder."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmda_ext.models.heads.base import masked_cross_entropy, true_class_sums
from mmda_ext.models.objectives.base import Objective, weights_by_modality
from mmda_ext.models.step import StepRecord
from mmda_ext.registry import MODELS


@MODELS.register_module()
class LocalClassification(Objective):
    r""":math:`w \sum_m \beta_m \mathrm{CE}(W^m z^m + b^m, y)`; supplies the class confidences of its task.

    The form of GMP in the first author's later release: the head of a modality is balanced with its encoder, and its
    train-time probabilities are the confidences.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        loss_weight (float): :math:`w`; 3.0 in the release.
        task (str): Name of the loss among the balanced tasks.
        name (str, optional): Name of the loss in the log and of the confidences, where it differs from ``task``: beside
            a fused classifier of the same task.
        modality_weights (dict[str, float], optional): :math:`\beta_m`; 1 where a modality is not named.
        balance_heads (bool): Whether a balancer scales the gradient of a head as it does that of its encoder. If not,
            heads get the plain gradient, like all others.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``modality_weights`` names a modality that the model does not have.
    """

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 loss_weight: float = 3.0,
                 task: str = 'cls',
                 name: str | None = None,
                 modality_weights: Mapping[str, float] | None = None,
                 balance_heads: bool = True,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.name = name or task
        self.loss_weight, self.balance_heads = loss_weight, balance_heads
        self.modality_weights = weights_by_modality(modality_weights, fusion, type(self).__name__)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, num_classes)
             for name, width in fusion['in_channels'].items()})

    def classify(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits ``{m: (N, C)}`` of features ``{m: (N, D_m)}``."""
        return {name: head(features[name]) for name, head in self.heads.items()}

    def forward(self, record: StepRecord) -> dict[str, Tensor]:
        """``{'loss_<name>': scalar}``; files logits and confidences in the record."""
        logits = record.modality_logits = self.classify(record.features)
        record.confidences[self.name] = lambda: true_class_sums(logits, record.labels)
        losses = [self.modality_weights[name] * masked_cross_entropy(value, record.labels)
                  for name, value in logits.items()]
        return {f'loss_{self.name}': self.loss_weight * torch.stack(losses).sum()}

    def modality_parameters(self) -> dict[str, list[nn.Parameter]]:
        """The class head of each modality, if it is balanced."""
        return {name: list(head.parameters()) for name, head in self.heads.items()} if self.balance_heads else {}
