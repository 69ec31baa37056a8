"""A linear class head per modality, trained with its encoder."""

import torch
from torch import Tensor, nn

from mmda_ext.models.heads.base import masked_cross_entropy, true_class_sums
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import StepRecord
from mmda_ext.registry import MODELS


@MODELS.register_module()
class LocalClassification(Objective):
    r""":math:`w \sum_m \mathrm{CE}(W^m z^m + b^m, y)`; supplies the class confidences of its task.

    The form of GMP in the first author's later release: the head of a modality is balanced with its encoder, and its
    train-time probabilities are the confidences.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        loss_weight (float): :math:`w`; 3.0 in the release.
        task (str): Name of the loss among the balanced tasks.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 loss_weight: float = 3.0,
                 task: str = 'cls',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.name = task
        self.loss_weight = loss_weight
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, num_classes)
             for name, width in fusion['in_channels'].items()})

    def forward(self, record: StepRecord) -> dict[str, Tensor]:
        """``{'loss_<task>': scalar}``."""
        logits = {name: head(record.features[name]) for name, head in self.heads.items()}
        record.modality_logits, record.modality_classifiers = logits, dict(self.heads.items())
        record.confidences[self.name] = lambda: true_class_sums(logits, record.labels)
        losses = [masked_cross_entropy(value, record.labels) for value in logits.values()]
        return {f'loss_{self.name}': self.loss_weight * torch.stack(losses).sum()}

    def modality_parameters(self) -> dict[str, list[nn.Parameter]]:
        """The class head of each modality."""
        return {name: list(head.parameters()) for name, head in self.heads.items()}
