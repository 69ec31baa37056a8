"""Samples of one class close together across modalities and domains (Khosla et al., NeurIPS 2020; SimMMDG)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmda_ext.choices import choose
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.feature_splitting import half_widths, halves
from mmda_ext.models.projection import ProjectionHead
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

FEATURES = ('shared_half', 'full')


@MODELS.register_module()
class SupervisedContrastive(Objective):
    r""":math:`w` times the supervised contrastive loss of a projection head per modality.

    The modalities of a sample are its views. See :func:`contrastive_loss`.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        features (str): What is projected: the ``'shared_half'`` of each feature (SimMMDG, MOOSA) or the ``'full'`` one
            (CMRF).
        hidden_channels (int): Width of the hidden layers of the projection heads.
        out_channels (int): Width of the projections.
        temperature (float): :math:`\tau`.
        base_temperature (float): :math:`\tau_0`.
        loss_weight (float): :math:`w`; 3.0 in the release.
        task (str, optional): As in :class:`Objective`; by default ``contrastive``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an option is unknown, a temperature is not positive, or a width to be halved is odd.
    """

    example = dict(hidden_channels=8, out_channels=4)

    def __init__(self,
                 fusion: dict,
                 features: str = 'shared_half',
                 hidden_channels: int = 2048,
                 out_channels: int = 128,
                 temperature: float = 0.1,
                 base_temperature: float = 0.07,
                 loss_weight: float = 3.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        choose('features', features, FEATURES, 'SupervisedContrastive')
        for key, value in (('temperature', temperature), ('base_temperature', base_temperature)):
            if not value > 0:
                raise ValueError(f'SupervisedContrastive: {key}={value!r} must be a number > 0')
        self.halved = features == 'shared_half'
        widths = half_widths(fusion, 'SupervisedContrastive') if self.halved else fusion['in_channels']
        self.heads = nn.ModuleDict(
            {name: ProjectionHead(width, hidden_channels, out_channels) for name, width in widths.items()})
        self.temperature, self.base_temperature, self.loss_weight = temperature, base_temperature, loss_weight

    def project(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Unit rows ``{m: (N, P)}`` of features ``{m: (N, D_m)}``."""
        return {name: head(halves(features[name])[0] if self.halved else features[name])
                for name, head in self.heads.items()}

    def projections(self, step: Step) -> dict[str, Tensor]:
        """Those of the features of a step, made once for all that read them."""
        return step.once(self, lambda: self.project(step.features))

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_contrastive': scalar}``."""
        views = torch.stack(list(self.projections(step).values()))
        loss = contrastive_loss(views, step.labels, self.temperature, self.base_temperature)
        return {'loss_contrastive': self.loss_weight * loss}


def contrastive_loss(views: Tensor, labels: Tensor, temperature: float = 0.1, base_temperature: float = 0.07) -> Tensor:
    r"""Mean over rows :math:`i` of the flattened views of the loss below, a scalar.

    .. math::
        -\frac{\tau}{\tau_0} \operatorname{mean}_{j \in P(i)}
        \Big[ S_{ij} - \log \sum_{k \ne i} \exp S_{ik} \Big],\qquad S = F F^T / \tau

    :math:`P(i)` are all other rows of the same class, the other views of the same sample among them. Rows without a
    label take no part, and a row without a positive adds nothing. The samples of all processes are compared, as in
    public code of contrastive learning: with 16 of them on a process, half of the batch would have other positives.

    Args:
        views (Tensor): Unit rows, ``(M, N, P)``.
        labels (Tensor): Class indices, ``(N, )``; -1 where there is none.
        temperature (float): :math:`\tau`.
        base_temperature (float): :math:`\tau_0`; the factor :math:`\tau / \tau_0` keeps losses comparable.
    """
    rows = join_rows(widen(views).transpose(0, 1)).transpose(0, 1).flatten(0, 1)
    labels = join_rows(labels).repeat(len(views))
    known = labels >= 0
    others = known[:, None] & known & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    positives = others & (labels[:, None] == labels)
    with torch.autocast(rows.device.type, enabled=False):
        similarity = rows @ rows.T / temperature
    # A finite floor instead of minus infinity: a row without others would turn its gradient into NaN.
    log_sum = similarity.masked_fill(~others, torch.finfo(similarity.dtype).min).logsumexp(1, keepdim=True)
    count = positives.sum(1)
    each = ((similarity - log_sum) * positives).sum(1) / count.clamp_min(1)
    return -temperature / base_temperature * each.sum() / (count > 0).sum().clamp_min(1)
