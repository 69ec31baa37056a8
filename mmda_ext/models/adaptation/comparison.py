"""What one criterion of an adaptation objective compares."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmda_ext.models.fusions import Fusion
from mmda_ext.models.step import Step

#: Name of the concatenation of all modalities.
FUSED = 'fused'
HINT = 'add an objective that trains one, such as mmda_ext.InformationBottleneck or mmda_ext.LocalClassification'


@dataclass(frozen=True)
class Comparison:
    """Source and target in the features of one modality, or in the concatenation of all.

    Args:
        name (str): The modality, or ``'fused'``.
        modalities (tuple[str, ...]): Whose features are compared.
        step (Step): The step.
        source (Tensor): Positions of the source samples, ``(n_s, )``.
        target (Tensor): Positions of the target samples, ``(n_t, )``.
    """

    name: str
    modalities: tuple[str, ...]
    step: Step
    source: Tensor
    target: Tensor

    @property
    def features(self) -> dict[str, Tensor]:
        """Modality -> features of all samples, ``(N, D_m)``."""
        return {name: self.step.features[name] for name in self.modalities}

    @property
    def joined(self) -> Tensor:
        """Their concatenation, ``(N, D)``."""
        return torch.cat(list(self.features.values()), dim=1)

    def logits(self, of: str = 'own') -> Tensor:
        """Class logits ``(N, C)`` of the classifier on these features, or of the ``'fused'`` one.

        Raises:
            ValueError: If the modality has no head.
        """
        if FUSED in (self.name, of):
            return self.step.predictions.logits
        if self.name not in self.step.predictions.modality_logits:
            raise ValueError(f'there is no class head of {self.name!r}: {HINT}')
        return self.step.predictions.modality_logits[self.name]

    @property
    def classifier(self) -> nn.Module:
        """The module that turned these features into class logits.

        Raises:
            ValueError: If the modality has no head.
        """
        if self.name == FUSED:
            return self.step.predictions.classifier
        if self.name not in self.step.predictions.heads:
            raise ValueError(f'there is no class head of {self.name!r}: {HINT}')
        return self.step.predictions.heads[self.name]

    def classify(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Input ``(N, D)`` and output ``(N, C)`` of the classifier's last layer, for other features of this shape."""
        classifier = self.classifier
        if isinstance(classifier, Fusion):
            fused = classifier.fuse(features)
            return fused, classifier.classify(fused)
        return features[self.name], classifier(features[self.name])
