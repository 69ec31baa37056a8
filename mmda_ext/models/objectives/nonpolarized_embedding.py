"""Two views of a sample agree after a shift to their neighbours, in features of many directions (NEL, 2025)."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext import epsilons
from mmda_ext.models.heads.base import masked_cross_entropy, widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.feature_splitting import half_widths, halves
from mmda_ext.models.objectives.supervised_contrastive import contrastive_loss
from mmda_ext.models.projection import ProjectionHead, unit
from mmda_ext.models.step import Step
from mmda_ext.models.views import select
from mmda_ext.registry import MODELS


@MODELS.register_module()
class NonpolarizedEmbedding(Objective):
    r""":math:`w \, (\mathrm{CE}_2 + 2 a L_U + 2 (1 - a) L_C + 2 b L_E)` of a second view of the source samples.

    :math:`\mathrm{CE}_2` is that of the fused classifier on the second view. The projections :math:`e^m` of the first
    half of each feature (unit rows) of both views go into :math:`L_C`, the contrast of classes
    (:func:`~mmda_ext.models.objectives.supervised_contrastive.contrastive_loss`), and, moved to their neighbours
    (:func:`mean_shift`) and set side by side, into the contrast of samples

    .. math:: L_U = -\operatorname{mean}_i \log \frac{\exp(a_i^\top b_i / t)}{\sum_j \exp(a_i^\top b_j / t)}

    of the first view (:math:`a`) against the second (:math:`b`). :math:`L_E` is minus the spectral entropy of the
    features (:func:`spectral_entropy`). With ``cls_head.loss_weight`` = w = 1/4 the sum is the published loss.
    All but :math:`\mathrm{CE}_2` are computed on the samples of all processes.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        views (dict[str, dict], optional): Modality -> config of the second view, such as ``mmda_ext.VideoView``;
            ``mmda_ext.FeatureView`` by default.
        agreement (float): :math:`a`, in [0, 1].
        spectral (float, optional): :math:`b`; by default 1 / number of samples.
        temperature (float): :math:`t`.
        neighbours (int): At most so many neighbours of a row.
        hidden_channels (int): Width of the hidden layers of the projections.
        out_channels (int): Width of the projections.
        loss_weight (float): :math:`w`.
        task (str, optional): As in :class:`Objective`; by default ``view_cls``, ``view_agreement``,
            ``view_contrastive`` and ``view_spectrum``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If an option is out of range, ``views`` names an unknown modality, or a width is odd.

    Source: Nonpolarized embedding learning in MMDG, Neurocomputing 658 (2025), Eq. 4-14 as a benchmark of 2026 cites
    and implements them; the paper could not be read. Differences: a row is never its own neighbour (there, the nearest
    row is left out, which is another one where rows are equal); the entropy by the eigenvalues of the small matrix.
    """

    example = dict(hidden_channels=8, out_channels=4)

    def __init__(self,
                 fusion: dict,
                 views: Mapping[str, dict] | None = None,
                 agreement: float = 0.7,
                 spectral: float | None = None,
                 temperature: float = 0.25,
                 neighbours: int = 8,
                 hidden_channels: int = 2048,
                 out_channels: int = 128,
                 loss_weight: float = 0.25,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        widths = half_widths(fusion, 'NonpolarizedEmbedding')
        unknown = sorted(set(views or {}) - set(widths))
        if unknown:
            raise ValueError(f'NonpolarizedEmbedding: views names {unknown[0]!r}, which is no modality: choose among '
                             f'{tuple(widths)}')
        if not 0 <= agreement <= 1:
            raise ValueError(f'NonpolarizedEmbedding: agreement={agreement!r} must be in [0, 1]')
        if not (temperature > 0 and neighbours >= 1):
            raise ValueError(f'NonpolarizedEmbedding: temperature={temperature!r} must be > 0 and neighbours='
                             f'{neighbours!r} at least 1')
        self.heads = nn.ModuleDict(
            {name: ProjectionHead(width, hidden_channels, out_channels) for name, width in widths.items()})
        self.views = nn.ModuleDict({name: MODELS.build({'type': 'mmda_ext.FeatureView', **(views or {}).get(name, {})})
                                    for name in widths})
        self.agreement, self.spectral, self.loss_weight = agreement, spectral, loss_weight
        self.temperature, self.neighbours = temperature, neighbours

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_view_cls', 'loss_view_agreement', 'loss_view_contrastive', 'loss_view_spectrum': scalars}``."""
        index = step.source_index
        inputs = {name: view(select(step.inputs[name], index, step.num_samples)) for name, view in self.views.items()}
        second = step.encode(inputs, len(index))
        first = {name: step.features[name][index] for name in second}
        pairs = {name: (first[name], second[name]) for name in self.heads}
        projected = torch.stack([head(halves(torch.cat(pairs[name]))[0]) for name, head in self.heads.items()])
        classified = masked_cross_entropy(step.predictions.classifier(second), step.labels[index])
        losses = dict(
            cls=classified,
            agreement=2 * self.agreement * self.sample_contrast(projected),
            contrastive=2 * (1 - self.agreement) * contrastive_loss(projected, step.labels[index].repeat(2)),
            spectrum=2 * self.spectrum(torch.cat([torch.cat(pair) for pair in pairs.values()], 1)))
        return {f'loss_view_{name}': self.loss_weight * value for name, value in losses.items()}

    def sample_contrast(self, projected: Tensor) -> Tensor:
        """:math:`L_U` of unit rows ``(M, 2 N, P)``, all first views, then all second ones."""
        joined = [join_rows(half.transpose(0, 1)).transpose(0, 1) for half in projected.chunk(2, 1)]
        shifted = [mean_shift(torch.cat(rows), self.neighbours) for rows in zip(*joined)]
        first, second = unit(torch.cat(shifted, 1)).chunk(2)
        return contrast_of_views(first, second, self.temperature)

    def spectrum(self, rows: Tensor) -> Tensor:
        """:math:`b L_E` of both views' features ``(2 N, D)``."""
        rows = join_rows(rows)
        weight = 2 / max(len(rows), 1) if self.spectral is None else self.spectral
        return -weight * spectral_entropy(rows)


def mean_shift(rows: Tensor, neighbours: int) -> Tensor:
    r"""Unit rows of :math:`\frac{1}{2} e_i + \frac{1}{2k} \sum_{j \in N(i)} e_j`, ``(N, P)``.

    :math:`N(i)` are the k other rows with the largest inner product; they receive gradient.

    Args:
        rows (Tensor): Unit rows :math:`e`, ``(N, P)``.
        neighbours (int): At most so many; k is no more than N - 1.
    """
    k = min(neighbours, len(rows) - 1)
    if k < 1:
        return rows
    near = rows.detach()
    with torch.autocast(rows.device.type, enabled=False):
        similarity = (near @ near.T).fill_diagonal_(-math.inf)
    return unit(rows / 2 + rows[similarity.topk(k).indices].sum(1) / (2 * k))


def contrast_of_views(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """:math:`L_U` of rows ``(N, P)`` and their partners, a scalar; 0 without rows."""
    with torch.autocast(first.device.type, enabled=False):
        similarity = first @ second.T / temperature
    total = F.cross_entropy(similarity, torch.arange(len(first), device=first.device), reduction='sum')
    return total / max(len(first), 1)


def spectral_entropy(rows: Tensor) -> Tensor:
    r""":math:`-\sum_k p_k \log p_k`, p the eigenvalues of :math:`Z^\top Z / N` above 1e-6, divided by their sum.

    Those of :math:`Z Z^\top / N` are the same, and fewer where there are less rows than columns.

    Args:
        rows (Tensor): Z, ``(N, D)``, neither centred nor scaled.
    """
    with torch.autocast(rows.device.type, enabled=False):
        wide = rows.double()  # small eigenvalues beside one that is large: features behind a ReLU have a mean
        small = wide @ wide.T if len(wide) < wide.shape[1] else wide.T @ wide
        values = torch.linalg.eigvalsh(small / max(len(wide), 1))
        kept = torch.where(values > epsilons.VARIANCE, values, 0)
        p = kept / kept.sum().clamp_min(epsilons.VARIANCE)
        # The slope of p log p at 0 is not finite, and 0 times it would spoil the others.
        return -(p * p.clamp_min(torch.finfo(p.dtype).tiny).log()).sum().to(widen(rows).dtype)
