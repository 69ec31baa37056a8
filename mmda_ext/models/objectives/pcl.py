"""Agreement of two views of a target sample in their class probabilities (PCL, Li et al., IJCAI 2024)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.models.adaptation import Comparison
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.batch import BatchObjective
from mmda_ext.models.step import Step
from mmda_ext.models.views import select
from mmda_ext.registry import MODELS


@MODELS.register_module()
class PCL(BatchObjective):
    r"""Probabilistic contrastive learning on the target, a plug-in to any other method.

    With class probabilities :math:`p_i, q_i` of two views of sample ``i``,

    .. math::
        l_i = -\log \frac{e^{s\, p_i \cdot q_i}}{\sum_{j \ne i} e^{s\, p_i \cdot p_j} + \sum_j e^{s\, p_i \cdot q_j}}

    averaged over both views of all samples. A product of probabilities is largest where both are the same one-hot
    vector, so the loss sharpens predictions too. The first view is the pass of the step, the second a further pass of
    the target samples through the encoders. Args are those of :class:`AdaptationObjective`, and:

    Args:
        fusion (dict): Fusion config of the recognizer.
        views (dict[str, dict], optional): Modality -> config of the second view, such as ``mmda_ext.VideoView``;
            ``mmda_ext.FeatureView`` where nothing is named.
        scale (float): :math:`s`.
        loss_weight (float): 0.05 as in the authors' Office-Home configuration; 0.2 elsewhere.
        task (str): Name of the loss.

    Raises:
        ValueError: If ``views`` names an unknown modality.

    Differences from the public code: the first view is not augmented beyond what the pipeline does.
    """

    compared = ('target', )

    def __init__(self,
                 fusion: dict,
                 views: Mapping[str, dict] | None = None,
                 scale: float = 7.0,
                 loss_weight: float = 0.05,
                 task: str = 'contrast',
                 **kwargs: Any) -> None:
        super().__init__(fusion, loss_weight=loss_weight, task=task, **kwargs)
        names = tuple(fusion['in_channels'])
        unknown = sorted(set(views or {}) - set(names))
        if unknown:
            raise ValueError(f'PCL: views names {unknown[0]!r}, which is no modality: choose among {names}')
        default = dict(type='mmda_ext.FeatureView')
        self.views = nn.ModuleDict({name: MODELS.build({**default, **(views or {}).get(name, {})}) for name in names})
        self.scale = scale
        self._second: dict[str, Tensor] = {}

    def forward(self, step: Step) -> dict[str, Tensor]:
        """As :class:`BatchObjective`, after one more pass of the target samples through the encoders."""
        index = step.target_index
        self._second = self._second_pass(step, index) if len(index) else {m: v[:0] for m, v in step.features.items()}
        out = super().forward(step)
        self._second = {}
        return out

    def _second_pass(self, step: Step, index: Tensor) -> dict[str, Tensor]:
        inputs = {name: view(select(step.inputs[name], index, step.num_samples))
                  for name, view in self.views.items()}
        return step.encode(inputs, len(index))

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The contrast of the predictions of one classifier."""
        first = comparison.logits()[comparison.target]
        second = comparison.classify({name: self._second[name] for name in comparison.modalities})[1]
        p, q = (join_rows(widen(logits).softmax(1)) for logits in (first, second))
        return probabilistic_contrast(p, q, self.scale), {}


def probabilistic_contrast(first: Tensor, second: Tensor, scale: float = 7.0) -> Tensor:
    """Mean of :math:`l_i` over both views, a scalar.

    Args:
        first (Tensor): :math:`p`, ``(n, C)``, each row a distribution.
        second (Tensor): :math:`q`, ``(n, C)``, of the same samples.
        scale (float): :math:`s`.
    """
    both = torch.cat([first, second])
    with torch.autocast(both.device.type, enabled=False):
        similarity = scale * both @ both.T
    itself = torch.eye(len(both), dtype=torch.bool, device=both.device)
    partner = torch.arange(len(both), device=both.device).roll(len(first))
    return F.cross_entropy(similarity.masked_fill(itself, -torch.inf), partner)
