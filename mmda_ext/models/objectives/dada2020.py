"""A classifier with one more output, for the target domain (Tang and Jia, AAAI 2020)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext import epsilons
from mmda_ext.models.adaptation import FUSED, Comparison
from mmda_ext.models.freezing import held
from mmda_ext.models.fusions.base import fused_width
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.adaptation import AdversarialObjective
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DADA2020(AdversarialObjective):
    r"""Discriminative adversarial domain adaptation: class and domain in one softmax of :math:`C + 1` outputs.

    With :math:`p` the softmax of all outputs, :math:`\bar p` that of the first :math:`C`, and
    :math:`q_k = \sigma(o_{C+1} - o_k)`:

    .. math::
        L^s &= -(1 - p_{C+1}) \log p_y - p_{C+1} \log(1 - p_y) \\
        L^t_{\min} &= -\sum_k \bar p_k \log q_k, \qquad L^t_{\max} = \sum_k \bar p_k \log(1 - q_k)

    The classifier descends :math:`\lambda (L^s + L^t_{\min}) + H(\bar p^t)`, the encoders
    :math:`-\lambda (L^s + L^t_{\max}) + H(\bar p^t)`, with the ramp as :math:`\lambda`. The first :math:`C` outputs
    are those of the recognizer's classifier, or, for a modality, of the head that filed its logits. This objective
    owns the last one, which reads what their last layer reads: together they are a layer with :math:`C + 1` outputs,
    and the prediction is the argmax over the first :math:`C`, as ever.

    Args are those of :class:`AdversarialObjective`. The value of the loss is the sum of what both sides descend, and
    means nothing; watch the four diagnostics.

    Differences from the public code: one backward pass instead of two; the cross-entropy that the recipe adds is over
    the first :math:`C` outputs. Pre-training on the source, which the method needs, is the part of the run before the
    ``start`` of the ramp, where this objective adds 0, or another run (``load_from``).
    """

    def __init__(self, fusion: dict, *args: Any, **kwargs: Any) -> None:
        super().__init__(fusion, *args, **kwargs)
        widths = {**fusion['in_channels'], FUSED: fused_width(fusion)}
        self.units = nn.ModuleDict({name: nn.Linear(widths[name], 1) for name in self.members})

    def defined(self, index: Mapping[str, Tensor]) -> bool:
        """As everywhere, and only after the pre-training."""
        return self.ramp.started and super().defined(index)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """Each side on a pass that the other's parameters have no gradient from."""
        weight = self.ramp()
        detached = {name: value.detach() for name, value in comparison.features.items()}
        on_source, on_target, _, entropy = self._terms(comparison, detached)
        value = weight * (on_source + on_target) + entropy
        seen = dict(source=on_source.detach(), target_min=on_target.detach(), entropy=entropy.detach())
        with held(comparison.classifier, self.units[comparison.name]):
            on_source, _, on_target, entropy = self._terms(comparison, comparison.features)
        return value - weight * (on_source + on_target) + entropy, {**seen, 'target_max': on_target.detach()}

    def _terms(self, comparison: Comparison, features: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """:math:`L^s, L^t_{min}, L^t_{max}, H`, each a mean over its domain."""
        fused, logits = comparison.classify(features)
        joined = torch.cat([logits, self.units[comparison.name](fused)], dim=1)
        labels = comparison.step.labels[comparison.source]
        on_source = joined_mean(source_term(joined[comparison.source], labels), labels >= 0)
        return on_source, *(joined_mean(value) for value in target_terms(joined[comparison.target]))


def source_term(logits: Tensor, labels: Tensor) -> Tensor:
    """:math:`L^s` of each sample ``(n, )`` from ``(n, C + 1)``; a label of -1 gives a number without meaning."""
    p = widen(logits).softmax(1)
    own, domain = p.gather(1, labels.clamp_min(0)[:, None])[:, 0], p[:, -1]
    return -(1 - domain) * _log(own) - domain * _log(1 - own)


def target_terms(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:math:`L^t_{min}, L^t_{max}, H` of each sample, ``(n, )``, from ``(n, C + 1)``."""
    classes, unit = widen(logits)[:, :-1], widen(logits)[:, -1:]
    p, q = F.softmax(classes, dim=1), torch.sigmoid(unit - classes)
    return -(p * _log(q)).sum(1), (p * _log(1 - q)).sum(1), -(p * _log(p)).sum(1)


def _log(probability: Tensor) -> Tensor:
    return probability.clamp_min(epsilons.PROBABILITY).log()
