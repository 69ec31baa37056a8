"""Mean ranks of recipes over data sets, and how far apart they must be to differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np


@dataclass(frozen=True)
class Ranks:
    """Mean ranks over ``sets`` data sets, 1 being the best; two closer than ``critical`` are not told apart."""

    mean: dict[str, float]
    sets: int
    critical: float


def mean_ranks(scores: Mapping[str, Sequence[float]]) -> Ranks:
    """Rank the rows on each data set, ties sharing their mean rank, and average.

    Args:
        scores (dict): Row -> one score per data set, in the same order; larger is better.

    Returns:
        Ranks: With the critical difference at 5 %.

    Raises:
        ValueError: If rows have scores of different numbers of data sets, or there are fewer than two rows.
    """
    from scipy.stats import rankdata

    lengths = {len(values) for values in scores.values()}
    if len(scores) < 2 or len(lengths) != 1:
        raise ValueError(f'mean_ranks needs two rows and one score of each data set, got {len(scores)} rows with '
                         f'{sorted(lengths)} scores')
    ranks = rankdata(-np.asarray(list(scores.values()), dtype=float), axis=0).mean(axis=1)
    sets = lengths.pop()
    return Ranks(dict(zip(scores, ranks.tolist())), sets, critical_difference(len(scores), sets))


def critical_difference(rows: int, sets: int, level: float = 0.05) -> float:
    r"""Difference of mean ranks from which Nemenyi's test tells two rows apart.

    .. math:: CD = \frac{q_{\alpha, k, \infty}}{\sqrt 2} \sqrt{\frac{k (k + 1)}{6 N}}

    with q the quantile of the studentized range, k rows and N data sets.

    Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006, section 3.2.2.
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - level, rows, inf)) / sqrt(2) * sqrt(rows * (rows + 1) / (6 * sets))
