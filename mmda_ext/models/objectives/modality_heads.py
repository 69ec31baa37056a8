"""What objectives with a class head per modality have in common; no loss of its own."""

from collections.abc import Mapping

from torch import Tensor, nn

from mmda_ext.models.heads.base import true_class_sums
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import StepRecord


class ModalityHeads(Objective):
    """Owns a linear class head per modality, and files what others ask of it.

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

    def predict_step(self, record: StepRecord, name: str) -> dict[str, Tensor]:
        """Logits ``{m: (N, C)}`` of the step; files them, their heads, and confidences under ``name``."""
        logits = self.classify(record.features)
        record.modality_logits, record.modality_classifiers = logits, dict(self.heads.items())
        record.confidences[name] = lambda: true_class_sums(logits, record.labels)
        return logits
