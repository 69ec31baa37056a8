"""Criteria on a batch as a whole, which are no mean over its samples."""

import torch
from torch import Tensor

from mmda_ext.models.adaptation import Comparison
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import join_rows, joined_count
from mmda_ext.models.objectives.adaptation import AdaptationObjective
from mmda_ext.models.step import StepRecord


class BatchObjective(AdaptationObjective):
    """Statistics of two batches: undefined for fewer than two samples, and those of all processes together.

    A batch with too few samples gives 0, in the graph, and counts as ``<task>_skipped``. Args are those of
    :class:`AdaptationObjective`.
    """

    #: Domains that must have two samples or more: what the criterion compares.
    domains: tuple[str, ...] = ('source', 'target')
    skipped = 0

    def forward(self, record: StepRecord) -> dict[str, Tensor]:
        """As :class:`AdaptationObjective`, and the diagnostic ``<task>_skipped``."""
        rows = dict(source=record.source_rows, target=record.target_rows)
        self._enough = min(joined_count(rows[name]) for name in self.domains) >= 2
        self.skipped += not self._enough
        return {**super().forward(record), f'{self.name}_skipped': torch.tensor(float(self.skipped))}

    def defined(self, comparison: Comparison) -> bool:
        """Whether the batch has two samples of each domain that is compared."""
        return self._enough


def rows_of(values: Tensor, comparison: Comparison) -> tuple[Tensor, Tensor]:
    """Rows of source and target of all processes, ``(n_s, d)`` and ``(n_t, d)``, in float32 or wider."""
    return join_rows(widen(values[comparison.source])), join_rows(widen(values[comparison.target]))
