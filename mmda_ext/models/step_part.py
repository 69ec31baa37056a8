"""Some samples of a training step as a step of their own."""

from dataclasses import replace
from functools import cached_property

from torch import Tensor

from mmda_ext.models.step import Predictions, Step


class PartOfPredictions(Predictions):
    """What the predictors said of some samples: rows of what was predicted for all, so no dropout is drawn twice.

    Args:
        whole (Predictions): Of all samples.
        features (dict[str, Tensor]): Those of the chosen ones, ``{m: (n, D_m)}``.
        index (Tensor): Their positions, ``(n, )`` int64.
    """

    def __init__(self, whole: Predictions, features: dict[str, Tensor], index: Tensor) -> None:
        super().__init__(features, whole._classifier, whole.heads, whole._dropout)
        self._whole, self._index = whole, index

    @cached_property
    def fused(self) -> Tensor:
        """``(n, D)``."""
        return self._whole.fused[self._index]

    @cached_property
    def logits(self) -> Tensor:
        """``(n, C)``."""
        return self._whole.logits[self._index]

    @cached_property
    def modality_logits(self) -> dict[str, Tensor]:
        """``{m: (n, C)}``."""
        return {name: value[self._index] for name, value in self._whole.modality_logits.items()}


def part_of(step: Step, index: Tensor, labels: Tensor | None = None) -> Step:
    """The samples at some positions; they cannot be encoded again.

    Args:
        step (Step): All samples, not mixed.
        index (Tensor): Positions, ``(n, )`` int64, on the device of the labels. Reading them waits for the device.
        labels (Tensor, optional): Of these samples, instead of their own, ``(n, )``.
    """
    places = index.tolist()
    features = {name: value[index] for name, value in step.features.items()}
    return replace(step, features=features, labels=step.labels[index] if labels is None else labels,
                   domain_labels=step.domain_labels[index],
                   predictions=PartOfPredictions(step.predictions, features, index),
                   data_samples=[step.data_samples[place] for place in places] if step.data_samples else [],
                   is_target=step.is_target[places], inputs={}, encoder=None, cut=None, _once={})
