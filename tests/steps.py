"""Steps with given predictions, that a test may change as it likes."""

from typing import Any

from torch import nn

from mmda_ext.models.step import Predictions, Step

GIVEN = ('fused', 'logits', 'modality_logits')


class Given(Step):
    """``logits``, ``classifier`` and the like are those of :attr:`Step.predictions`; nothing is frozen."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in GIVEN:
            setattr(self.predictions, name, value)
        elif name == 'classifier':
            self.predictions._classifier = value
        elif name == 'modality_classifiers':
            self.predictions.heads = dict(value)
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name in (*GIVEN, 'classifier'):
            return getattr(self.predictions, name)
        if name == 'modality_classifiers':
            return self.predictions.heads
        raise AttributeError(name)


def given(features: dict, labels: Any, domain_labels: Any, **fields: Any) -> Given:
    """A step; ``fields`` are those of a step or given predictions."""
    extra = {name: fields.pop(name) for name in (*GIVEN, 'classifier', 'modality_classifiers') if name in fields}
    step = Given(features, labels, domain_labels, Predictions(features), **fields)
    for name, value in extra.items():
        setattr(step, name, value)
    return step


def heads_of(widths: dict[str, int], num_classes: int = 3) -> nn.ModuleDict:
    """Class heads as a recognizer makes them, in float64."""
    return nn.ModuleDict({name: nn.Linear(width, num_classes) for name, width in widths.items()}).double()
