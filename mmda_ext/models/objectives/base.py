"""A loss beside the classifier's, with a task that a balancer may weight."""

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmda_ext.models.step import Step, Terms

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


class Objective(BaseModule):
    """Called once per training step with the :class:`Step`; returns ``{'loss_<task>': scalar, ...}``.

    Other keys are diagnostics and must not contain "loss"; :class:`Terms` hold more. The order of objectives does not
    matter. The recognizer hands its fusion config down, so that an objective that predicts from fused features builds
    the same kind of predictor.

    Args:
        fusion (dict, optional): Fusion config of the recognizer.
        task (str, optional): File all losses of this objective under one task instead of their own names.
        init_cfg (dict, optional): As in MMEngine.
    """

    #: Whether its losses are right for mixed samples, which have two labels (:attr:`Step.mix`).
    takes_mixed = False
    #: Called after all those that do not, with the losses of the step by task.
    reads_losses = False
    #: Whether :meth:`stand_in` translates, and what is to be known about it, in a sentence.
    stands_in, stand_in_caveat = False, ''
    #: Arguments of a small example, beside classes, domains and tasks: what the tests of all classes build.
    example: ClassVar[Mapping[str, Any]] = {}
    #: Objectives beside it that the example reads.
    example_objectives: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def __init__(self, fusion: dict | None = None, task: str | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.task: str | None = task

    @abstractmethod
    def forward(self, step: Step) -> Terms | dict[str, Tensor]:
        """Losses and diagnostics of this step; with ``reads_losses``, called as ``(step, losses by task)``."""

    def bind(self, model: 'MultimodalRecognizer') -> None:  # noqa: B027
        """Told the model once all of it is built: the place to look at its other parts."""

    def take_over_classification(self, model: 'MultimodalRecognizer') -> None:
        """For :meth:`bind` of an objective that contains the cross-entropy of the fused classifier.

        Raises:
            ValueError: If the classifier adds its own once more.
        """
        own = getattr(model.cls_head, 'loss_weight', 0)
        if own:
            raise ValueError(f'{type(self).__name__} contains the cross-entropy of the fused classifier, which '
                             f'cls_head.loss_weight={own} adds once more: set it to 0')

    def predict(self, model: 'MultimodalRecognizer', inputs: Mapping[str, Tensor],
                features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Class probabilities ``{name: (N, C)}`` of further predictors, evaluated beside the model's own; none here."""
        return {}

    def stand_in(self, name: str, features: Mapping[str, Tensor]) -> Tensor:
        """Feature ``(N, D_m)`` of the modality ``name`` from those of others; where ``stands_in`` says so."""
        raise NotImplementedError

    def can_discriminate(self, num_domains: int) -> bool:
        """Whether there are domains to tell apart; if not, say once that this objective is switched off."""
        if num_domains < 2:
            print_log(f'{type(self).__name__} is switched off: it needs two source domains or more, '
                      f'num_domains={num_domains}', logger='current', level=logging.WARNING)
        return num_domains >= 2

    def local_parameters(self, heads: Mapping[str, nn.Module]) -> dict[str, list[nn.Parameter]]:
        """Parameters behind the features that are balanced with a modality's encoder; none here.

        Args:
            heads (dict[str, nn.Module]): The recognizer's class head of each modality, if it has them.
        """
        return {}


def modalities_of(fusion: dict, owner: str, least: int = 2) -> tuple[str, ...]:
    """Names of the modalities in the order of the recognizer.

    Raises:
        ValueError: If there are fewer than ``least``.
    """
    names = tuple(fusion['in_channels'])
    if len(names) < least:
        raise ValueError(f'{owner} compares modalities and needs {least} or more, the model has {names}: take it out '
                         'of `objectives`')
    return names


def weights_by_modality(given: Mapping[str, float] | None, fusion: dict, owner: str) -> dict[str, float]:
    """A factor for each modality of the recognizer; 1 where none is given.

    Raises:
        ValueError: If a factor is given for a modality that the model does not have.
    """
    names = tuple(fusion['in_channels'])
    unknown = sorted(set(given or {}) - set(names))
    if unknown:
        raise ValueError(f'{owner}: modality_weights names {unknown}; the modalities are {names}')
    return {name: float((given or {}).get(name, 1.0)) for name in names}
