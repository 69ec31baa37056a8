"""Whether a score tells what to trust from what not: right from wrong predictions, known from unknown classes."""

from math import ceil, nan
from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons


def auroc(trusted: Tensor, others: Tensor) -> float:
    """Probability that a trusted sample has the higher score, ties half; NaN where one side is empty.

    Args:
        trusted (Tensor): Scores in [0, 1], ``(n, )``.
        others (Tensor): Scores in [0, 1], ``(k, )``.
    """
    if not len(trusted) or not len(others):
        return nan
    return _torchmetrics().binary_auroc(*_joined(trusted, others)).item()


def fpr_at_95(trusted: Tensor, others: Tensor) -> float:
    """Share of the others at or above the largest threshold that accepts 95 % of the trusted; NaN where none is there.

    Args:
        trusted (Tensor): Scores in [0, 1], ``(n, )``.
        others (Tensor): Scores in [0, 1], ``(k, )``.
    """
    if not len(trusted) or not len(others):
        return nan
    curve = _torchmetrics().binary_specificity_at_sensitivity
    return 1 - curve(*_joined(trusted, others), min_sensitivity=0.95)[0].item()


def _torchmetrics() -> Any:
    try:
        from torchmetrics.functional import classification
    except ImportError as error:
        raise ImportError(f'AUROC and FPR95 come from torchmetrics: pip install torchmetrics ({error})') from error
    return classification


def _joined(trusted: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    scores = torch.cat([trusted, others]).clamp(0, 1)  # torchmetrics takes anything beyond for a logit
    return scores, torch.cat([torch.ones(len(trusted)), torch.zeros(len(others))]).long()


def aurc(scores: Tensor, correct: Tensor) -> float:
    r"""Area under the risk-coverage curve: :math:`\frac{1}{N} \sum_i \frac{\text{errors among the first } i}{i}`.

    Samples come with falling score; where scores are equal, in the mean over all their orders (Geifman et al., ICLR
    2019).

    Args:
        scores (Tensor): ``(N, )``.
        correct (Tensor): Whether the prediction is right, ``(N, )`` bool.
    """
    order = scores.argsort(descending=True, stable=True)
    _, group, sizes = torch.unique_consecutive(scores[order], return_inverse=True, return_counts=True)
    wrong = (~correct[order]).double()
    shared = torch.zeros(len(sizes), dtype=torch.float64).index_add_(0, group, wrong) / sizes
    return (shared[group].cumsum(0) / torch.arange(1, len(scores) + 1)).mean().item()


def excess_aurc(scores: Tensor, correct: Tensor) -> float:
    r"""What :func:`aurc` exceeds that of the order with all errors last, :math:`\frac{1}{N} \sum_i \max(0, i - n)/i`.

    ``n`` predictions are right. Exact, where :math:`r + (1 - r) \log(1 - r)` is usual for the area subtracted.
    """
    rank = torch.arange(1, len(scores) + 1, dtype=torch.float64)
    return aurc(scores, correct) - ((rank - correct.sum()).clamp_min(0) / rank).mean().item()


def false_alarms_at_95(trusted: Tensor, others: Tensor) -> float:
    """Share of the trusted at or below the smallest threshold that flags 95 % of the others; NaN where none is there.

    :func:`fpr_at_95` takes the trusted for the positives, this the others: both are called FPR95.

    Args:
        trusted (Tensor): Scores, ``(n, )``.
        others (Tensor): Scores, ``(k, )``.
    """
    if not len(trusted) or not len(others):
        return nan
    threshold = others.sort().values[ceil(0.95 * len(others) - epsilons.ROUNDING) - 1]
    return (trusted <= threshold).double().mean().item()
