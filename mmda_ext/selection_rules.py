"""By which rule a run's tested epoch was selected, and what other rules select. Standard library only."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Rules of a run, as they stand in ``result.json`` and in tables.
SOURCE_VALIDATION, TARGET_ORACLE, LAST, UNKNOWN = 'source_validation', 'target_oracle', 'last', 'unknown'

#: Reads the labels of the target: an upper bound on what any selection could reach, and never a method.
ORACLE = 'oracle'
#: Read unlabelled samples of the target; see :mod:`mmda_ext.evaluation.label_free`.
LABEL_FREE = ('entropy', 'infomax', 'snd', 'mixval', 'importance_weighted', 'dev')
#: What one training answers beside the rule that it selects by.
FURTHER = (LAST, ORACLE, *LABEL_FREE)


def pick(history: Sequence[Mapping[str, Any]], rule: str, metric: str) -> Mapping[str, Any]:
    """The validated epoch that a rule selects, the later one on a tie.

    Args:
        history (Sequence[Mapping]): Validated epochs in their order, each with ``test`` (scores on the target) and
            ``scores`` (label-free ones by rule, higher is better; NaN is never selected).
        rule (str): One of :data:`FURTHER`.
        metric (str): Key of ``test`` that the oracle reads.

    Raises:
        ValueError: If there is no epoch that the rule can select.
    """
    if rule == LAST:
        return history[-1]
    values = [epoch['test'][metric] if rule == ORACLE else epoch['scores'][rule] for epoch in history]
    ranked = [(value, place) for place, value in enumerate(values) if value == value]
    if not ranked:
        raise ValueError(f'--also-select {rule}: no epoch has a score that is a number')
    return history[max(ranked)[1]]
