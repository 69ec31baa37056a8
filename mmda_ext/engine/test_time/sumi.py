"""SuMi: from smooth samples to all of them, modalities that share what they know."""

from collections.abc import Mapping, Sequence
from math import e, log
from typing import Any

import torch
from torch import Tensor

from mmda_ext.engine.test_time.base import Learning
from mmda_ext.engine.test_time.read_loss import balance_of
from mmda_ext.engine.test_time.session import Said, Session
from mmda_ext.gradients.probe import widen
from mmda_ext.models.heads.base import entropies
from mmda_ext.models.step import HEAD_TRAINERS

#: Published for 1000 classes, in nats: largest entropy of a sample that counts, and margin of its weight.
MARGIN, CLASSES = log(1000) / 2 - 1, 1000
#: Smallest mean entropy of the modalities alone: a sample that each of them is sure of teaches nothing.
SURE = e / 10
#: Weight of the sharing between modalities in the first half of the stream.
SHARE = 5.


class Sumi(Learning):
    r"""Weighted entropy and sharing between modalities, on samples that grow less smooth (Guo, Jin, ICLR 2025).

    .. math::
        \frac{1}{n} \sum_i e^{E - H_i} \Big( H_i + 5\,[t < T/2] \sum_m
        \mathrm{KL}\big(\tfrac12 (\bar p^{\neg m}_i + p_i) \,\|\, p^m_i\big) \Big) - H(\bar p)

    with :math:`\bar p^{\neg m}` the mean of the other modalities' predictions, over the samples of batch :math:`t` of
    :math:`T` that are smooth (:func:`smooth`), whose modalities alone are not all sure, and with :math:`H_i \le E`.
    The bounds :math:`E` and that of the modalities are published for 1000 classes; here they are scaled by
    :math:`\ln C / \ln 1000`. The weight is that of each sample in both halves of the stream.

    The last term is that of :class:`.read_loss.ReadLoss`, over the samples that are kept. Args are those of
    :class:`.base.Learning`; the optimizer is Adam.
    """

    def __init__(self, lr: float = 1e-4, params: str = 'norm', predict: str = 'after', reset: str = 'domain',
                 **stream: Any) -> None:
        super().__init__(lr, params, predict, reset, **stream)

    def parameters(self, model: Any) -> Sequence[Any]:
        """See :class:`.base.Learning`.

        Raises:
            ValueError: If the model has no class head for every modality, or only one modality.
        """
        if len(model.modality_heads) < 2:
            raise ValueError(f'{self.option} compares what two modalities or more predict alone: add {HEAD_TRAINERS}, '
                             'as in configs/methods/heads.py, and train with them')
        return super().parameters(model)

    def optimizer(self, parameters: Sequence[Any]) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(parameters, lr=self.lr)

    def loss(self, session: Session, said: Said) -> tuple[Tensor | None, int]:
        """Of the samples that are kept.

        Raises:
            ValueError: If nobody said how long the stream is, or a modality has no prediction.
        """
        total = (session.batches or {}).get(session.domain)
        if total is None:
            raise ValueError(f'{self.option} learns from more samples the later they come, so it must know how many '
                             'batches will: give `batches`, domain -> number')
        if len(said.heads) < 2:
            raise ValueError(f'{self.option} compares what two modalities or more predict alone, and a batch has only '
                             f'{", ".join(said.heads) or "none"}: test with complete samples')
        scale = log(said.logits.shape[1]) / log(CLASSES)
        entropy = entropies(said.logits)
        alone = torch.stack([entropies(value) for value in said.heads.values()]).mean(0)
        features = torch.cat([value.detach() for value in said.features.values()], dim=1)
        keep = smooth(features, session.batch / total) & (alone >= SURE * scale) & (entropy <= MARGIN * scale)
        if not keep.any():
            return None, 0
        terms = entropy
        if session.batch < total / 2:
            terms = terms + SHARE * sharing(said.logits, said.heads)
        weighted = weights(entropy, MARGIN * scale) * terms
        log_p = widen(said.logits).log_softmax(1)
        return weighted[keep].mean() - balance_of(log_p[keep]), int(keep.sum())


def weights(entropy: Tensor, margin: float) -> Tensor:
    """``exp(margin - H)`` of entropies ``(N, )``, without gradient."""
    return (margin - entropy.detach()).exp()


def smooth(features: Tensor, progress: float) -> Tensor:
    r"""Which rows of ``(N, D)`` lie in the middle in most dimensions, ``(N, )`` bool.

    In each dimension the quarters of its *range* in the batch, :math:`Q_1` and :math:`Q_3`, bound the middle, wider by
    :math:`\frac32 \tau (Q_3 - Q_1)` at the share :math:`\tau` of the stream; :math:`0.6 + 0.4 \tau` of the dimensions
    must lie there.
    """
    low, high = features.amin(0), features.amax(0)
    first, third = low + .25 * (high - low), low + .75 * (high - low)
    reach = 1.5 * progress * (third - first)
    inside = (features >= first - reach) & (features <= third + reach)
    return inside.double().mean(1) >= .6 + .4 * progress


def sharing(logits: Tensor, heads: Mapping[str, Tensor]) -> Tensor:
    r""":math:`\sum_m \mathrm{KL}(\frac12 (\bar p^{\neg m} + p) \| p^m)` in nats, ``(N, )``; gradients on both sides."""
    # In logarithms throughout: the gradient of x ln x is none where a probability rounds to 0.
    log_p = widen(logits).log_softmax(1)
    alone = [widen(value).log_softmax(1) for value in heads.values()]
    found = []
    for place, own in enumerate(alone):
        others = torch.stack(alone[:place] + alone[place + 1:])
        target = torch.logaddexp(others.logsumexp(0) - log(len(others)), log_p) - log(2)
        found.append((target.exp() * (target - own)).sum(1))
    return torch.stack(found).sum(0)
