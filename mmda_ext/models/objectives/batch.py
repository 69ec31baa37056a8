"""Criteria on a batch as a whole, which are no mean over its samples."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmda_ext.models.adaptation import Comparison
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import enough, join_rows
from mmda_ext.models.objectives.adaptation import AdaptationObjective
from mmda_ext.models.step import Step


class SkipCounter:
    """Counts the steps whose batches are too small for a statistic."""

    skipped = 0

    def enough(self, *rows: Tensor) -> bool:
        """Whether all processes together have two samples or more of each kind."""
        defined = enough(*rows, least=2)
        self.skipped += not defined
        return defined

    def skips(self, name: str) -> dict[str, Tensor]:
        """The diagnostic ``<name>_skipped``."""
        return {f'{name}_skipped': torch.tensor(float(self.skipped))}


class BatchObjective(SkipCounter, AdaptationObjective):
    """Statistics of two batches: undefined for fewer than two samples, and those of all processes together.

    A batch with too few samples gives 0, in the graph, and counts as ``<task>_skipped``. Args are those of
    :class:`AdaptationObjective`.
    """

    def defined(self, index: Mapping[str, Tensor]) -> bool:
        """Whether the batch has two samples of each domain that is compared."""
        return self.enough(*(index[name] for name in self.compared))

    def forward(self, step: Step) -> dict[str, Tensor]:
        """As :class:`AdaptationObjective`, and the diagnostic ``<task>_skipped``."""
        return super().forward(step) | self.skips(self.loss_name)


def rows_of(values: Tensor, comparison: Comparison) -> tuple[Tensor, Tensor]:
    """Rows of source and target of all processes, ``(n_s, d)`` and ``(n_t, d)``, in float32 or wider."""
    return join_rows(widen(values[comparison.source])), join_rows(widen(values[comparison.target]))
