"""Means, spreads and intervals over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
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
    """Mean paired difference with its interval and two-sided p value; those are NaN for fewer than two pairs."""

    mean: float
    low: float
    high: float
    n: int
    p: float = nan


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

    p is that of the paired t test, :math:`P(|t_{n-1}| \ge |\bar d| \sqrt n / s_d)`. Pairs that all differ alike leave
    no doubt: 0, or 1 where they are equal.

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
    return Difference(summary.mean, summary.mean - half, summary.mean + half, summary.n, _p_value(summary))


def _p_value(differences: Summary) -> float:
    from scipy.stats import t

    if differences.n < 2:
        return nan
    if differences.sd == 0:
        return float(differences.mean == 0)
    return float(2 * t.sf(abs(differences.mean) * sqrt(differences.n) / differences.sd, differences.n - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Correct p values for their number, so that the chance of any false claim among them stays below the level.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1) p_{(j)})

    Args:
        p_values (Sequence[float]): One for each comparison; NaN is no comparison and stays NaN.

    Returns:
        list[float]: The corrected values, in the same order.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    order = sorted((index for index, p in enumerate(p_values) if not isnan(p)), key=lambda index: p_values[index])
    corrected, largest = [nan] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[index]))
        corrected[index] = largest
    return corrected
