"""The source domains that are hardest count most (Sagawa et al., ICLR 2020)."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.source_domains import cross_entropies, groups_of
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


@MODELS.register_module()
class GroupDRO(Objective):
    r""":math:`\sum_j q_j L_j` of the fused classifier, where :math:`q_j \leftarrow q_j e^{\eta L_j}`, scaled to sum 1.

    (Sagawa, Koh, Hashimoto, Liang, ICLR 2020, Algorithm 1, on domains.) :math:`L_j` is the cross-entropy of the samples
    of domain j of all processes, without gradient in the update, which comes first. The weights are a buffer: the same
    on all processes, in checkpoints, and moved by every forward pass in training. A domain that a batch lacks has
    :math:`L_j = 0`; such batches count as ``dro_incomplete``. It takes the place of the classifier's own cross-entropy:
    set ``cls_head.loss_weight=0``.

    Args:
        num_domains (int): Number of source domains.
        fusion (dict, optional): Unused.
        eta (float): :math:`\eta > 0`.
        task (str): Task that the loss counts to; by default that of ``cls_head``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``eta`` is out of range, or the classifier adds its own cross-entropy as well.
    """

    takes_mixed = True
    weights: Tensor

    def __init__(self, num_domains: int, fusion: dict | None = None, eta: float = 0.01, task: str = 'cls',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if not 0 < eta < float('inf'):
            raise ValueError(f'GroupDRO: eta={eta!r} must be a number > 0')
        self.num_domains, self.eta, self.incomplete = num_domains, eta, 0
        self.register_buffer('weights', torch.full((num_domains, ), 1 / num_domains))

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Refuse a classifier that adds its cross-entropy a second time."""
        self.take_over_classification(model)

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_dro': scalar, 'dro_weight_<domain>': q, 'dro_incomplete': batches that lack a domain}``."""
        groups = groups_of(step, self.num_domains)
        self.incomplete += not all(map(len, groups))
        losses = join_rows(cross_entropies(widen(step.predictions.logits), step))
        # Of no sample the sum is 0, in the graph.
        risks = torch.stack([losses[group].sum() / max(len(group), 1) for group in groups])
        if self.training:
            self._move(risks.detach())
        weights = {f'dro_weight_{index}': own for index, own in enumerate(self.weights.clone())}
        total = (self.weights.to(risks, copy=True) * risks).sum()
        return {'loss_dro': total, **weights, 'dro_incomplete': torch.tensor(float(self.incomplete))}

    def _move(self, risks: Tensor) -> None:
        """Take a step in place, unless a risk is not finite."""
        moved = (self.weights.log() + self.eta * risks.to(self.weights)).softmax(0)
        self.weights.copy_(torch.where(risks.isfinite().all(), moved, self.weights))
