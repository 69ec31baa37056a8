"""Whether predicted probabilities are true: calibration error, Brier score, log-likelihood."""

from typing import NamedTuple

import torch
from torch import Tensor

#: Smallest probability whose logarithm is taken: what float32 rounded to 0 was not impossible.
SMALLEST = 1e-12


class Bin(NamedTuple):
    """The predictions whose confidence is in one interval, open on the left; shares from 0 to 1."""

    low: float
    high: float
    samples: int
    confidence: float
    accuracy: float


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 15) -> list[Bin]:
    r"""The bins :math:`((b-1)/B, b/B]` that hold predictions, by their confidence :math:`\max_c p_c`.

    torchmetrics closes its bins on the left, so that predictions of confidence 1 get a bin of their own, and does not
    return them; elsewhere the calibration error is the same.

    Args:
        probabilities (Tensor): ``(N, C)``.
        labels (Tensor): ``(N, )``.
        bins (int): :math:`B`.
    """
    confidence, guess = probabilities.max(1)
    # Rounded like the confidences: one that is an edge belongs to the bin below it in any precision.
    edges = (torch.arange(1, bins + 1, dtype=torch.float64) / bins).to(confidence.dtype)
    index = torch.bucketize(confidence, edges).clamp_max(bins - 1)  # softmax may round to a little more than 1
    confidence, hits = confidence.double(), (guess == labels).double()
    return [Bin(number / bins, (number + 1) / bins, int(inside.sum()), confidence[inside].mean().item(),
                hits[inside].mean().item())
            for number in range(bins) if (inside := index == number).any()]


def expected_calibration_error(bins: list[Bin]) -> float:
    r""":math:`\sum_b \frac{n_b}{N} |\mathrm{acc}_b - \mathrm{conf}_b|` (Naeini et al., AAAI 2015), from 0 to 1."""
    return sum(one.samples * abs(one.accuracy - one.confidence) for one in bins) / sum(one.samples for one in bins)


def brier_score(probabilities: Tensor, labels: Tensor) -> float:
    r""":math:`\frac{1}{N} \sum_i \sum_c (p_{ic} - y_{ic})^2`, from 0 to 2: not divided by the number of classes."""
    truth = torch.nn.functional.one_hot(labels, probabilities.shape[1])
    return (probabilities.double() - truth).square().sum(1).mean().item()


def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> float:
    r""":math:`-\frac{1}{N} \sum_i \log \max(p_{i y_i}, 10^{-12})` in nats."""
    own = probabilities.double().gather(1, labels[:, None])
    return -own.clamp_min(SMALLEST).log().mean().item()
