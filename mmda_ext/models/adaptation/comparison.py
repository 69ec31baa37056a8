"""What one criterion of an adaptation objective compares."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmda_ext.models.fusions import Fusion
from mmda_ext.models.step import StepRecord

#: Name of the concatenation of all modalities.
FUSED = 'fused'
HINT = 'place mmda_ext.InformationBottleneck (or LocalClassification) before it in `objectives`'


@dataclass(frozen=True)
class Comparison:
    """Source and target in the features of one modality, or in the concatenation of all.

    Args:
        name (str): The modality, or ``'fused'``.
        modalities (tuple[str, ...]): Whose features are compared.
        record (StepRecord): The step.
        source (Tensor): Positions of the source samples, ``(n_s, )``.
        target (Tensor): Positions of the target samples, ``(n_t, )``.
    """

    name: str
    modalities: tuple[str, ...]
    record: StepRecord
    source: Tensor
    target: Tensor

    @property
    def features(self) -> dict[str, Tensor]:
        """Modality -> features of all samples, ``(N, D_m)``."""
        return {name: self.record.features[name] for name in self.modalities}

    @property
    def joined(self) -> Tensor:
        """Their concatenation, ``(N, D)``."""
        return torch.cat(list(self.features.values()), dim=1)

    def logits(self, of: str = 'own') -> Tensor:
        """Class logits ``(N, C)`` of the classifier on these features, or of the ``'fused'`` one.

        Raises:
            ValueError: If nobody filed them.
        """
        own = self.record.modality_logits.get(self.name)
        found = self.record.logits if FUSED in (self.name, of) else own
        if found is None:
            raise ValueError(f'the record has no class logits of {self.name!r}: {HINT}')
        return found

    @property
    def classifier(self) -> nn.Module:
        """The module that turned these features into class logits.

        Raises:
            ValueError: If nobody filed it.
        """
        fused = self.name == FUSED
        found = self.record.classifier if fused else self.record.modality_classifiers.get(self.name)
        if found is None:
            raise ValueError(f'the record has no classifier of {self.name!r}: {HINT}')
        return found

    def classify(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Input ``(N, D)`` and output ``(N, C)`` of the classifier's last layer, for other features of this shape."""
        classifier = self.classifier
        if isinstance(classifier, Fusion):
            fused = classifier.fuse(features)
            return fused, classifier.classify(fused)
        return features[self.name], classifier(features[self.name])
