"""Classifier on the fused features."""

from collections.abc import Mapping

from torch import Tensor, nn

from mmda_ext.models.heads.base import MultimodalHead, probabilities
from mmda_ext.models.step import Step, Terms
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
        label_smooth_eps (float): Share of the uniform distribution in the target of the fused cross-entropy, in [0, 1).
            What each modality alone believes of the true class stays that.
        feature_dropout (dict, optional): Config of what drops whole modalities in front of the fusion, in training:
            :class:`~mmda_ext.models.modality_dropout.ModalityDropout`. What each modality alone predicts, and all other
            heads, see the features complete.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``label_smooth_eps`` is out of range or has no loss to smooth, or there is something to drop from
            one modality only.
    """

    #: Whether its loss is right for mixed samples, which have two labels (:attr:`Step.mix`).
    takes_mixed = True

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 task: str = 'cls',
                 modality_logits: str = 'masked',
                 loss_weight: float = 1.0,
                 label_smooth_eps: float = 0.0,
                 feature_dropout: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(num_classes, fusion, modality_logits, loss_weight, init_cfg)
        if not 0 <= label_smooth_eps < 1:
            raise ValueError(f'cls_head.label_smooth_eps={label_smooth_eps!r} must be in [0, 1): 0.1 is usual')
        if label_smooth_eps and not loss_weight:
            raise ValueError(f'cls_head.label_smooth_eps={label_smooth_eps!r} smooths the loss that loss_weight=0 '
                             'switches off: an objective of this model computes it instead, so take the option out')
        self.task, self.label_smooth_eps = task, label_smooth_eps
        self.feature_dropout: nn.Module | None = MODELS.build(feature_dropout) if feature_dropout else None
        if feature_dropout and len(self.fusion.modalities) < 2:
            raise ValueError(f'cls_head.feature_dropout needs two modalities or more, the model has '
                             f'{self.fusion.modalities}: leave it out')

    def loss(self, step: Step) -> Terms:
        """Cross-entropy of the fused logits over the labelled samples."""
        return self.terms(step, step.predictions.logits)

    def terms(self, step: Step, logits: Tensor) -> Terms:
        """Cross-entropy of ``logits`` ``(N, C)``, and what each modality alone predicts in the pass of the step."""
        values = self.cross_entropy(logits, step.features, step.labels, self.task, step.mix)
        # A pass that lacks modalities is not the one that the split by modality is of.
        fused = step.predictions.fused if self.feature_dropout is None else None
        return Terms(values, probes={self.task: self.probe(step.features, step.labels, fused)})

    def predict(self, features: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Class probabilities ``(N, C)``, fused and of each modality alone; NaN in rows whose logits are not finite."""
        fused = self.fusion.fuse(features)
        alone = self.modality_logits(features, fused)
        return (probabilities(self.fusion.classify(fused)),
                {name: probabilities(value) for name, value in alone.items()})
