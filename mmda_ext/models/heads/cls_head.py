"""Classifier on the fused features."""

from collections.abc import Mapping

from torch import Tensor

from mmda_ext.models.heads.base import MultimodalHead
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
        """Fused logits ``(N, C)``; files them, the fused features and what each modality alone predicts."""
        record.classifier = self.fusion
        record.fused = self.fusion.fuse(record.features)
        record.logits = self.fusion.classify(record.fused)
        record.probes[self.task] = self.probe(record.features, record.labels)
        return record.logits

    def predict(self, features: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Class probabilities ``(N, C)``, fused and of each modality alone."""
        scores = self(features).softmax(1)
        return scores, {name: value.softmax(1) for name, value in self.modality_logits(features).items()}
