"""Classifier on the fused features."""

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from mmda_ext.models.heads.base import MultimodalHead, probabilities
from mmda_ext.models.step import StepRecord
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MultimodalClsHead(MultimodalHead):
    """Fused classifier: MLP with one hidden layer of 256 by default (that of its fusion).

    Args:
        num_classes (int): Number of classes.
        fusion (dict): As in :class:`MultimodalHead`.
        task (str): Name of its loss among the balanced tasks.
        modality_logits (str): As in :class:`MultimodalHead`.
        loss_weight (float): Factor of the cross-entropy.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 task: str = 'cls',
                 modality_logits: str = 'masked',
                 loss_weight: float = 1.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(num_classes, fusion, modality_logits, loss_weight, init_cfg)
        self.task = task

    def loss(self, record: StepRecord) -> dict[str, Tensor]:
        """Cross-entropy over the labelled samples; files what :meth:`predict_step` does."""
        logits = self.predict_step(record)
        return self.cross_entropy(logits, record.features, record.labels, self.task)

    def predict_step(self, record: StepRecord) -> Tensor:
        """Fused logits ``(N, C)``; files them, the fused features, confidences and hits in the record."""
        record.classifier = self.fusion
        record.fused = self.fusion.fuse(record.features)
        record.logits = self.fusion.classify(record.fused)
        of_this_pass = record.features, record.labels, self.fusion.gate
        record.confidences[self.task] = partial(self.confidences, *of_this_pass)
        record.hits[self.task] = partial(self.hits, *of_this_pass)
        return record.logits

    def predict(self, features: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Class probabilities ``(N, C)``, fused and of each modality alone; NaN in rows whose logits are not finite."""
        by_modality = self.modality_logits(features)
        return probabilities(self(features)), {name: probabilities(value) for name, value in by_modality.items()}
