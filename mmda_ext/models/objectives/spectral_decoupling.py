"""Small logits, so that no feature takes all the gradient (Pezeshki et al., NeurIPS 2021)."""

from torch import Tensor

from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class SpectralDecoupling(Objective):
    r""":math:`w \operatorname{mean}_{ic} l_{ic}^2` of the fused logits of the labelled samples of all processes.

    (Gradient starvation; Pezeshki et al., NeurIPS 2021, Eq. 17; the form of DomainBed, which has no factor 1/2.)

    Args:
        fusion (dict, optional): Unused.
        loss_weight (float): :math:`w \ge 0`.
        task (str, optional): As in :class:`Objective`; by default ``sd``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``loss_weight`` is out of range.
    """

    takes_mixed = True

    def __init__(self, fusion: dict | None = None, loss_weight: float = 0.1, task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if not 0 <= loss_weight < float('inf'):
            raise ValueError(f'SpectralDecoupling: loss_weight={loss_weight!r} must be a number >= 0')
        self.loss_weight = loss_weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_sd': scalar}``."""
        squares = widen(step.predictions.logits).square().mean(1)
        return {'loss_sd': self.loss_weight * joined_mean(squares, step.labels >= 0)}
