r"""Scores of a model that may refuse: known classes predicted right, samples of unknown classes rejected.

A sample is rejected where its confidence :math:`c = \max_y p_y` is below a threshold :math:`t`.
"""

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.choices import choose

#: What `OS*` is: the mean over classes of their accuracies, or the accuracy over samples.
MEANS = ('class', 'sample')
#: How many thresholds the published oracle tries.
ORACLE_THRESHOLDS = 10


class Known(NamedTuple):
    """Samples of known classes.

    Args:
        confidence (Tensor): :math:`c`, ``(N, )``.
        labels (Tensor): Classes, ``(N, )`` int64.
        correct (Tensor): Whether the prediction is right, ``(N, )`` bool.
    """

    confidence: Tensor
    labels: Tensor
    correct: Tensor

    @classmethod
    def of(cls, probabilities: Tensor, labels: Tensor) -> 'Known':
        """From probabilities ``(N, C)``."""
        confidence, guess = probabilities.max(1)
        return cls(confidence, labels, guess == labels)


class OpenSetScore(NamedTuple):
    r"""Scores at one threshold, each from 0 to 1.

    Args:
        threshold (float): :math:`t`.
        os (float): OS*: samples of known classes that are accepted and predicted right, by class or by sample.
        unk (float): UNK: share of the samples of unknown classes that are rejected.
        hos (float): :math:`2\,\mathrm{OS^*}\,\mathrm{UNK} / (\mathrm{OS^*} + \mathrm{UNK})`; 0 where both are 0.
        accuracy (float): Share of all samples that are right, the unknown being one more class.
    """

    threshold: float
    os: float
    unk: float
    hos: float
    accuracy: float


def open_set_score(known: Known, unknown: Tensor, threshold: float, mean: str = 'class') -> OpenSetScore:
    """Scores at one threshold (HOS: Bucci, Loghmani, Tommasi, ECCV 2020).

    Args:
        known (Known): ``N >= 1`` samples.
        unknown (Tensor): Confidences of samples of unknown classes, ``(K, )``, ``K >= 1``.
        threshold (float): Confidences below it are rejected.
        mean (str): OS* is the mean of the accuracies of the classes that occur (``'class'``, as in the literature), or
            the accuracy over samples (``'sample'``, as in MOOSA's release).

    Raises:
        ValueError: If ``mean`` is unknown, or one side has no sample.
    """
    choose('os', mean, MEANS)
    if not len(known.labels) or not len(unknown):
        raise ValueError(f'an open-set score needs samples of known and of unknown classes, there are '
                         f'{len(known.labels)} and {len(unknown)}: look at unknown_classes and target_classes')
    right = (known.correct & (known.confidence.double() >= threshold)).double()
    rejected = (unknown.double() < threshold).double()
    accuracy = torch.cat([right, rejected]).mean().item()
    if mean == 'class':
        right = torch.stack([right[known.labels == label].mean() for label in known.labels.unique()])
    os, unk = right.mean().item(), rejected.mean().item()
    return OpenSetScore(float(threshold), os, unk, hos(os, unk), accuracy)


def hos(os: float, unk: float) -> float:
    """Harmonic mean of both, from 0 to 1; 0 where both are 0.

    >>> round(hos(.7, .5), 6)
    0.583333
    """
    return 2 * os * unk / (os + unk) if os + unk else 0.0


def accepting(confidence: Tensor, share: float = .95) -> float:
    """The largest threshold that accepts at least this share of the samples, among their confidences ``(N, )``."""
    ordered = confidence.sort(descending=True).values
    count = max(1, ceil(share * len(ordered) - epsilons.ROUNDING))
    return ordered[count - 1].item()


def oracle(known: Known, unknown: Tensor, best: Callable[[OpenSetScore], float]) -> OpenSetScore:
    r"""The best of ten thresholds, **chosen by the labels of the test**: what MOOSA's release reports.

    :math:`t_k = \min c + (\max c - \min c)\,k/9`, :math:`k = 0 \ldots 9`, over known and unknown samples; OS* is over
    samples. The first of equals counts.

    Args:
        known (Known): As for :func:`open_set_score`.
        unknown (Tensor): As there.
        best (Callable): What is to be largest.
    """
    confidence = torch.cat([known.confidence, unknown]).double()
    low, high = confidence.min(), confidence.max()
    steps = torch.arange(ORACLE_THRESHOLDS, dtype=torch.float64) / (ORACLE_THRESHOLDS - 1)
    found = [open_set_score(known, unknown, threshold, 'sample') for threshold in (low + (high - low) * steps).tolist()]
    return max(found, key=best)
