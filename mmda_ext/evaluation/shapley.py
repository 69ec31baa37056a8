"""How much of a model's accuracy each modality brings: Shapley values of the modalities."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial


def shapley_values(scores: Mapping[tuple[str, ...], float], names: Sequence[str], empty: float) -> dict[str, float]:
    r"""Shapley value of each modality in the game that the score of every subset makes.

    .. math:: \phi_m = \sum_{S \not\ni m} \frac{|S|! \, (M - |S| - 1)!}{M!} \, (v(S \cup m) - v(S))

    They add up to the score of all modalities less that of none.

    Args:
        scores (Mapping): Non-empty subset, in the order of ``names``, to its score; in the unit of the result.
        names (Sequence[str]): The M modalities.
        empty (float): Score without any modality.

    Source: Shapley, 1953; of modalities in BalanceBenchmark, 2025.
    """
    value = {(): empty, **scores}
    found = {}
    for name in names:
        others, total = [other for other in names if other != name], 0.0
        for size in range(len(names)):
            weight = factorial(size) * factorial(len(names) - size - 1) / factorial(len(names))
            for subset in combinations(others, size):
                joined = tuple(other for other in names if other in (*subset, name))
                total += weight * (value[joined] - value[subset])
        found[name] = total
    return found


def imbalance(values: Mapping[str, float]) -> float:
    """Largest Shapley value less the smallest; it does not depend on the score without any modality.

    The index of BalanceBenchmark's paper could not be read; this is ours.
    """
    return max(values.values()) - min(values.values())
