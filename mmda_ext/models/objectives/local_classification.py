"""A linear class head per modality, trained with its encoder."""

from collections.abc import Mapping

import torch
from torch import nn

from mmda_ext.gradients import Probe
from mmda_ext.models.heads.base import masked_cross_entropy
from mmda_ext.models.objectives.base import weights_by_modality
from mmda_ext.models.objectives.modality_heads import ModalityHeads
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class LocalClassification(ModalityHeads):
    r""":math:`w \sum_m \beta_m \mathrm{CE}(W^m z^m + b^m, y)`; supplies the class confidences of its task.

    By default the form of GMP in the first author's later release: the head of a modality is balanced with its encoder,
    and its train-time probabilities are the confidences.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        loss_weight (float): :math:`w`; 3.0 in the release.
        task (str): Name of the loss among the balanced tasks.
        name (str, optional): Name of the loss in the log and of the confidences, where it differs from ``task``: beside
            a fused classifier of the same task.
        by_modality (bool): One loss for each head, tasks ``<task>/<modality>``, instead of their sum.
        modality_weights (dict[str, float], optional): :math:`\beta_m`; 1 where a modality is not named.
        balanced_heads (bool): Heads get the balanced gradient of their modality, not the plain one.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``modality_weights`` names a modality that the model does not have.
    """

    takes_mixed = True
    example = dict(task='heads')

    def __init__(self,
                 fusion: dict,
                 loss_weight: float = 3.0,
                 task: str = 'cls',
                 name: str | None = None,
                 by_modality: bool = False,
                 modality_weights: Mapping[str, float] | None = None,
                 balanced_heads: bool = True,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, None if by_modality else task, init_cfg)
        self.loss_name, self.by_modality, self.balanced_heads = name or task, by_modality, balanced_heads
        self.loss_weight = loss_weight
        self.modality_weights = weights_by_modality(modality_weights, fusion, type(self).__name__)

    def forward(self, step: Step) -> Terms:
        """``{'loss_<name>': scalar}``, or ``{'loss_<name>/<modality>': scalar, ...}``, and what the heads predict."""
        logits = step.predictions.modality_logits
        probes = {self.loss_name: Probe(logits, step.labels)}
        losses = {
            name: self.loss_weight * self.modality_weights[name] * masked_cross_entropy(value, step.labels, step.mix)
            for name, value in logits.items()
        }
        if self.by_modality:
            return Terms({f'loss_{self.loss_name}/{name}': value for name, value in losses.items()}, probes)
        return Terms({f'loss_{self.loss_name}': torch.stack(list(losses.values())).sum()}, probes)

    def local_parameters(self, heads: Mapping[str, nn.Module]) -> dict[str, list[nn.Parameter]]:
        """The class head of each modality, if it is balanced."""
        return {name: list(head.parameters()) for name, head in heads.items()} if self.balanced_heads else {}
