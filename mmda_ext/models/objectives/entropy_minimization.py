"""Sure predictions of every head (MOOSA; Dong et al., ECCV 2024)."""

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.models.heads.base import entropies
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class EntropyMinimization(Objective):
    r""":math:`\frac{\eta}{K} \sum_h \operatorname{mean}_i \sum_y -p_{ihy} \log(p_{ihy} + 10^{-5})`, :math:`K` heads.

    The heads are those of the modalities, which another objective trains, and the fused one.

    Args:
        fusion (dict, optional): Unused.
        loss_weight (float): :math:`\eta`; 0.001 in the release, up to 1 on some splits.
        task (str, optional): As in :class:`Objective`; by default ``entropy_min``.
        init_cfg (dict, optional): As in MMEngine.
    """

    example_objectives = (dict(type='mmda_ext.InformationBottleneck'), )

    def __init__(self,
                 fusion: dict | None = None,
                 loss_weight: float = 0.001,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.loss_weight = loss_weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_entropy_min': scalar}``.

        Raises:
            ValueError: If the model has no heads of the modalities.
        """
        logits = torch.stack(step.predictions.voters('EntropyMinimization'))
        return {'loss_entropy_min': self.loss_weight * entropies(logits, epsilons.ENTROPY).mean()}
