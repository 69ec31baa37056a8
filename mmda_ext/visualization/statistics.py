"""Means, spreads and intervals over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import fmean, stdev


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (n - 1) of ``n`` values; both are NaN where they do not exist."""

    mean: float
    sd: float
    n: int

    def half_width(self, level: float = 0.95) -> float:
        r"""Half of the Student interval of the mean, :math:`t_{n-1} s / \sqrt n`; NaN for fewer than two values."""
        return nan if self.n < 2 else t_quantile(self.n - 1, level) * self.sd / sqrt(self.n)


@dataclass(frozen=True)
class Difference:
    """Mean paired difference with its interval; the bounds are NaN for fewer than two pairs."""

    mean: float
    low: float
    high: float
    n: int


def t_quantile(degrees: int, level: float = 0.95) -> float:
    """Two-sided quantile of Student's distribution.

    Args:
        degrees (int): Degrees of freedom, at least 1.
        level (float): Share of the distribution between minus and plus the quantile.

    Returns:
        float: The quantile.
    """
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2, degrees))


def summarise(values: Sequence[float]) -> Summary:
    """Mean and spread of the values, such as one accuracy per seed."""
    n = len(values)
    return Summary(fmean(values) if n else nan, stdev(values) if n > 1 else nan, n)


def paired_difference(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Difference:
    r"""Mean of :math:`d_i = b_i - a_i` with its Student interval.

    .. math:: \bar d \pm t_{n-1} \frac{s_d}{\sqrt n}

    Pairing by seed takes out what the seeds have in common (initial weights, order of the samples).

    Args:
        a (Sequence[float]): Reference, one value per seed.
        b (Sequence[float]): Compared, for the same seeds in the same order.
        level (float): Confidence.

    Returns:
        Difference: Positive where ``b`` is larger.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(a) != len(b):
        raise ValueError(f'paired_difference needs pairs, got {len(a)} and {len(b)} values')
    summary = summarise([y - x for x, y in zip(a, b)])
    half = summary.half_width(level)
    return Difference(summary.mean, summary.mean - half, summary.mean + half, summary.n)
