"""Alignment by the logarithm of its losses, and a correction for other class frequencies: our reading of Amanda."""

from collections.abc import Mapping
from typing import Any

import torch
from scipy.optimize import nnls
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.models.alignment import SecondMoments
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.correlation_alignment import CorrelationAlignment
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class Amanda(CorrelationAlignment):
    r""":math:`\alpha_2 \sum_m \log(L_m^{CA} + \epsilon)`, and source samples weighted by :math:`\pi_c / \pi_c^s`.

    (Zhang et al., ACL Findings 2024.) **Our reading**, from the abstract alone: results are not the paper's. The
    gradient of the logarithm is that of :class:`CorrelationAlignment` divided by :math:`L_m + \epsilon`, so a modality
    with little left to align pulls as hard as one with a lot, until :math:`L_m` falls below :math:`\epsilon`. The class
    frequencies of the target are

    .. math:: \pi = \arg\min_{\pi \ge 0,\, \sum \pi = 1} \Big\lVert \sum_c \pi_c \mu_c^s - \mu^t \Big\rVert^2

    with class means of the source and the mean of the target, in the features of all modalities. The weights of the
    samples of a batch average to 1. The classifier and the heads of the modalities compute the plain cross-entropy;
    ``loss_label_shift`` is what is missing to the weighted one. Args are those of :class:`CorrelationAlignment`, and:

    Args:
        fusion (dict): Fusion config of the recognizer.
        objectives (str): As in the parent; by default the modalities alone.
        eps (float): :math:`\epsilon`. Far below the losses it leaves the logarithm without a floor, and features
            shrink to a point.
        reweight (bool): Correct for the class frequencies. They come from one batch: noisy where it holds few samples
            of a class.

    Raises:
        ValueError: If ``eps`` is not positive, or an option of the parent is unknown.
    """

    def __init__(self,
                 fusion: dict,
                 objectives: str = 'modalities',
                 eps: float = 1.0,
                 reweight: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(fusion, objectives=objectives, **kwargs)
        if not eps > 0:
            raise ValueError(f'Amanda: eps={eps!r} must be a positive number')
        self.eps, self.reweight = eps, reweight

    def forward(self, step: Step, losses: Mapping[str, Tensor] | None = None) -> Terms:
        """As :class:`CorrelationAlignment`, and ``loss_label_shift``."""
        out = super().forward(step, losses)
        if self.reweight:
            out['loss_label_shift'] = self._label_shift(step)
        return out

    def _term(self, moments: SecondMoments, members: tuple[str, ...],
              places: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        value, gradients = super()._term(moments, members, places)
        shifted = value + self.eps
        return shifted.log(), {name: gradient / shifted for name, gradient in gradients.items()}

    def _label_shift(self, step: Step) -> Tensor:
        source, target, predictions = step.source_index, step.target_index, step.predictions
        labels = step.labels[source]
        heads = [widen(logits[source]) for logits in (predictions.logits, *predictions.modality_logits.values())]
        weights = self._class_weights(step, source, target, heads[0].shape[1])
        known = labels >= 0
        surplus = (weights[labels.clamp_min(0)] - 1) * known
        entropies = [F.cross_entropy(logits, labels, ignore_index=-1, reduction='none') for logits in heads]
        return (torch.stack(entropies).sum(0) * surplus).sum() / known.sum().clamp_min(1)

    @torch.no_grad()
    def _class_weights(self, step: Step, source: Tensor, target: Tensor, num_classes: int) -> Tensor:
        """:math:`\\pi_c / \\pi_c^s` of the classes in the batch, 1 for the others, ``(C, )``; waits for the device."""
        features = widen(torch.cat([step.features[name] for name in self.modalities], dim=1))
        rows, others = join_rows(features[source]).cpu(), join_rows(features[target]).cpu()
        labels = join_rows(step.labels[source]).cpu()
        present, index, counts = labels[labels >= 0].unique(return_inverse=True, return_counts=True)
        weights = torch.ones(num_classes, dtype=features.dtype)
        if len(present) and len(others):
            means = torch.zeros(len(present), rows.shape[1], dtype=rows.dtype).index_add(0, index, rows[labels >= 0])
            share = class_shares(means / counts[:, None], others.mean(0))
            weights[present] = share.to(weights) * len(index) / counts
        return weights.to(features.device)


def class_shares(means: Tensor, target: Tensor) -> Tensor:
    r""":math:`\arg\min_\pi \lVert \sum_c \pi_c \mu_c - \mu \rVert^2` over :math:`\pi \ge 0, \sum_c \pi_c = 1`.

    Appending a row of ones to the columns :math:`\mu_c - \mu`, and a 1 to the right-hand side of 0, makes it a
    non-negative least-squares problem whose solution is :math:`\pi` up to its sum: exact, for any number of classes.

    Args:
        means (Tensor): :math:`\mu_c`, on the host, ``(C, d)``.
        target (Tensor): :math:`\mu`, ``(d, )``.

    Returns:
        Tensor: :math:`\pi`, ``(C, )``, float64; not a number where a mean is not finite, so that the loss says it.
    """
    gaps = (means - target).double()
    if not gaps.isfinite().all():
        return gaps.new_full((len(gaps), ), torch.nan)
    # Both parts of the problem of one size: the solution's sum stays away from 0.
    gaps = gaps / gaps.square().sum().sqrt().clamp_min(torch.finfo(gaps.dtype).tiny)
    system = torch.cat([gaps.T, gaps.new_ones(1, len(gaps))])
    wanted = torch.zeros(len(system), dtype=gaps.dtype)
    wanted[-1] = 1
    solution = torch.from_numpy(nnls(system.numpy(), wanted.numpy())[0])
    return solution / solution.sum()
