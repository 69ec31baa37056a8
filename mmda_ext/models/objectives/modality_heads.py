"""A linear class head per modality: what objectives that own such heads have in common."""

from collections.abc import Mapping

from torch import Tensor, nn

from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import StepRecord


class ModalityHeads(Objective):
    """Owns the heads, and files their logits for those who vote, compare or distil.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        task (str, optional): As in :class:`Objective`.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self, num_classes: int, fusion: dict, task: str | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, num_classes)
             for name, width in fusion['in_channels'].items()})

    def classify(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits ``{m: (N, C)}`` of features ``{m: (N, D_m)}``."""
        return {name: head(features[name]) for name, head in self.heads.items()}

    def file_logits(self, record: StepRecord) -> dict[str, Tensor]:
        """Logits ``{m: (N, C)}`` of the step, filed in the record with the heads that made them."""
        record.modality_logits = self.classify(record.features)
        record.modality_classifiers = dict(self.heads.items())
        return record.modality_logits
