"""Heads of the modalities learn from each other's predictions."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.models.heads.base import widen
from mmda_ext.models.objectives.base import Objective, modalities_of
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MutualDistillation(Objective):
    r""":math:`w \sum_m \frac1N \sum_i \mathrm{KL}(\mathrm{stop}(p_i^{\bar m}) \,\Vert\, p_i^m)`.

    (BALGRAD; Kwon et al., NAACL 2025.) :math:`p^m` is the prediction of modality :math:`m`'s own head,
    :math:`p^{\bar m}` the softmax of the mean of the other heads' logits. A term moves one modality only, so a balancer
    can weight them apart. All samples count, labelled or not. Another objective trains the heads.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        loss_weight (float): :math:`w`.
        task (str): Name of the loss among the balanced tasks.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is only one modality.

    Differences from the paper: more than two modalities are ours; no public code exists.
    """

    example_objectives = (dict(type='mmda_ext.InformationBottleneck'), )

    def __init__(self, fusion: dict, loss_weight: float = 1.0, task: str = 'kl', init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.loss_name, self.loss_weight = task, loss_weight
        modalities_of(fusion, 'MutualDistillation')

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_<task>': scalar}``.

        Raises:
            ValueError: If the model has no heads of the modalities.
        """
        *heads, _ = step.predictions.voters('MutualDistillation')
        own = torch.stack([widen(value) for value in heads])
        fixed = own.detach()
        others = (fixed.sum(0) - fixed) / (len(own) - 1)
        divergence = F.kl_div(own.log_softmax(-1), others.log_softmax(-1), reduction='none', log_target=True)
        return {f'loss_{self.loss_name}': self.loss_weight * divergence.sum() / max(own.shape[1], 1)}
