"""One training step in three parts: what went in, what the model's own predictors say, what the losses are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from mmda_ext.gradients import Cut, Probe

if TYPE_CHECKING:
    from mmda_ext.models.fusions import Fusion

#: For sentences: what to add where heads of the modalities are missing.
HEAD_TRAINERS = ('an objective that trains them (mmda_ext.LocalClassification, mmda_ext.InformationBottleneck or '
                 'mmda_ext.EntropyWeightedClassification) to `objectives`')


class Mix(NamedTuple):
    """How the samples of a batch were mixed: sample ``i`` by its weight with its partner, labels alike.

    Args:
        weight (float): Of the sample itself, from 0.5 to 1, so that its own labels are those that dominate.
        partner (Tensor): Position of each sample's partner, ``(N, )`` int64 on the host: a permutation.
    """

    weight: float
    partner: Tensor

    def rows(self, values: Tensor) -> Tensor:
        """``values`` ``(N * S, ...)``, whose ``S`` rows of a sample follow each other, mixed."""
        if values.shape[0] % len(self.partner):  # views that do not divide into samples are for the neck to refuse
            return values
        by_sample = values.unflatten(0, (len(self.partner), -1))
        partner = self.partner.to(values.device, non_blocking=True)
        return (self.weight * by_sample + (1 - self.weight) * by_sample[partner]).flatten(0, 1)


class Predictions:
    """What the predictors that the model owns say of a batch; each is asked once, and only if somebody looks.

    Args:
        features (dict[str, Tensor]): Modality -> ``(N, D_m)``.
        classifier (Fusion, optional): The fused classifier.
        heads (dict[str, nn.Module], optional): Modality -> its own class head, where an objective trains them.
        dropout (nn.Module, optional): What is dropped from the features in front of the fused classifier.
    """

    def __init__(self, features: Mapping[str, Tensor], classifier: 'Fusion | None' = None,
                 heads: Mapping[str, nn.Module] | None = None, dropout: nn.Module | None = None) -> None:
        self._features, self._classifier, self.heads = features, classifier, dict(heads or {})
        self._dropout = dropout

    @property
    def classifier(self) -> 'Fusion':
        """The fused classifier, for those that predict from other features.

        Raises:
            ValueError: If there is none.
        """
        if self._classifier is None:
            raise ValueError('this step has no classifier: it was made outside of a recognizer')
        return self._classifier

    @cached_property
    def fused(self) -> Tensor:
        """Representation in front of the last layer of the classifier, ``(N, D)``."""
        return self.classifier.fuse(self._features if self._dropout is None else self._dropout(self._features))

    @cached_property
    def logits(self) -> Tensor:
        """Fused class logits ``(N, C)``."""
        return self.classifier.classify(self.fused)

    @cached_property
    def modality_logits(self) -> dict[str, Tensor]:
        """Modality -> logits of its head ``(N, C)``; empty where the model has no heads."""
        return {name: head(self._features[name]) for name, head in self.heads.items()}

    def voters(self, asked_by: str) -> list[Tensor]:
        """Class logits ``(N, C)`` of each modality's own head, then of the fused classifier.

        Raises:
            ValueError: If the model has no heads, in the name of the objective ``asked_by``.
        """
        if not self.modality_logits:
            raise ValueError(f'{asked_by} needs a class head for every modality: add {HEAD_TRAINERS}')
        return [*self.modality_logits.values(), self.logits]


@dataclass(frozen=True)
class Step:
    """What went into a training step; objectives read it.

    Args:
        features (dict[str, Tensor]): Modality -> features ``(N, D_m)``: with their graph, or leaves of :attr:`cut`.
        labels (Tensor): Class index of each sample, ``(N, )``; -1 where the sample has no label.
        domain_labels (Tensor): Index of each sample's source domain, ``(N, )``; -1 for a target sample.
        predictions (Predictions, optional): Of the model's own predictors on ``features``.
        data_samples (list): The samples as the data preprocessor returned them.
        is_target (Tensor): Whether a sample is of the target, ``(N, )`` bool, on the host: selecting rows by it does
            not wait for the device. All ``False`` where nothing is said.
        inputs (dict[str, Tensor]): What went into the encoders, ``{m: (N * S_m, ...)}``.
        encoder (Callable, optional): The recognizer's part of :meth:`encode`.
        cut (Cut, optional): Where ``features`` were cut from the graph of their encoders, for a balancing wrapper.
        mix (Mix, optional): How inputs or features were mixed. ``labels`` and ``domain_labels`` are then those of the
            larger part; a loss of labels takes both parts.
    """

    features: dict[str, Tensor]
    labels: Tensor
    domain_labels: Tensor
    predictions: Predictions = None  # type: ignore[assignment]
    data_samples: list[Any] = field(default_factory=list)
    is_target: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))
    inputs: Mapping[str, Any] = field(default_factory=dict)
    encoder: Callable[..., dict[str, Tensor]] | None = None
    cut: Cut | None = None
    mix: Mix | None = None
    _once: dict[int, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.predictions is None:
            object.__setattr__(self, 'predictions', Predictions(self.features))
        if not len(self.is_target):
            object.__setattr__(self, 'is_target', torch.zeros(len(self.labels), dtype=torch.bool))

    @property
    def source_index(self) -> Tensor:
        """Positions of the source samples, int64, on the device of the labels."""
        return (~self.is_target).nonzero()[:, 0].to(self.labels.device, non_blocking=True)

    @property
    def target_index(self) -> Tensor:
        """Positions of the target samples, int64, on the device of the labels."""
        return self.is_target.nonzero()[:, 0].to(self.labels.device, non_blocking=True)

    @property
    def num_samples(self) -> int:
        """Batch size ``N``."""
        return len(self.labels)

    def encode(self, inputs: Mapping[str, Any], num_samples: int, evaluation: bool = False) -> dict[str, Tensor]:
        """Send other inputs through the encoders: a further view, blanked inputs.

        Gradients through this pass count like those through the first; under ``no_grad`` there are none.

        Args:
            inputs (dict[str, Tensor]): Modality -> ``(num_samples * S_m, ...)``; any of the modalities.
            num_samples (int): Number of samples ``n`` in ``inputs``.
            evaluation (bool): Run the encoders in evaluation mode (no dropout, running statistics).

        Returns:
            dict[str, Tensor]: Modality -> features ``(n, D_m)``.

        Raises:
            RuntimeError: If the step was made without encoders.
        """
        if self.encoder is None:
            raise RuntimeError('this step has no encoders: it was made outside of a recognizer')
        features = self.encoder(inputs, num_samples, evaluation)
        return features if self.cut is None else self.cut.add(features)

    def once(self, owner: object, compute: Callable[[], Any]) -> Any:
        """What ``compute`` returns, computed once in this step however many objectives ask ``owner`` for it."""
        if id(owner) not in self._once:
            self._once[id(owner)] = compute()
        return self._once[id(owner)]


class Terms(dict[str, Tensor]):
    """What a head or an objective returns of a step; a plain dict does where there are no probes and gradients.

    Args:
        values (dict[str, Tensor]): ``loss_<task>`` -> scalar with graph; all other keys are for the log.
        probes (dict[str, Probe]): Task -> what each modality alone predicts, and the truth. It must hold neither step
            nor record: a cycle would keep inputs and graph alive until Python next looks for cycles.
        gradients (dict[str, dict[str, Tensor]]): Task -> modality -> gradient of its loss at the features ``(N, D_m)``,
            detached and unscaled, where it is known in closed form. All of the loss must be in it, and the loss must
            have no parameters of its own.
    """

    def __init__(self, values: Mapping[str, Tensor], probes: dict[str, Probe] | None = None,
                 gradients: dict[str, dict[str, Tensor]] | None = None) -> None:
        super().__init__(values)
        self.probes, self.gradients = dict(probes or {}), dict(gradients or {})


class StepRecord:
    """The losses of a step by task, for a balancing wrapper.

    Args:
        step (Step): What they were computed from.

    Attributes:
        losses (dict[str, Tensor]): Task -> scalar with graph; losses of one task are added up.
        probes (dict[str, Probe]): Task -> what each modality alone predicts.
        gradients (dict[str, dict[str, Tensor]]): Task -> gradients at the features that are known in closed form.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.losses: dict[str, Tensor] = {}
        self.probes: dict[str, Probe] = {}
        self.gradients: dict[str, dict[str, Tensor]] = {}
        self._filed: dict[str, tuple[str, Any]] = {}

    def add(self, terms: dict[str, Tensor], task: str | None = None) -> dict[str, Tensor]:
        """File each ``loss_<name>`` under its task, ``task`` if given, else ``<name>``; returns the values.

        Raises:
            ValueError: If another part of the model returned one of the keys already.
        """
        terms = terms if isinstance(terms, Terms) else Terms(terms)
        clash = sorted(self._filed.keys() & terms.keys())
        if clash:
            raise ValueError(f'two parts of the model return {clash}: give one of them another `task`')
        self.probes.update(terms.probes)
        for key, value in terms.items():
            if key.startswith('loss_'):
                self._file(key, task or key.removeprefix('loss_'), value, terms.gradients)
            else:
                self._filed[key] = ('', value)
        return terms

    def look(self, wanted: Callable[[str], bool]) -> None:
        """Evaluate the probes of the tasks that are ``wanted``, so that nobody after the model asks a head."""
        self.probes = {task: probe.evaluated() if wanted(task) else probe for task, probe in self.probes.items()}

    def add_unfiled(self, losses: Mapping[str, Tensor | list[Tensor]]) -> None:
        """File what differs in the dict that MMEngine adds up: keys that hold "loss" and came in, or changed, later."""
        for key, value in losses.items():
            task, known = self._filed.get(key, (key.replace('loss', '').strip('_') or 'further', None))
            if 'loss' in key and value is not known:
                parts = value if isinstance(value, (list, tuple)) else [value]
                total = torch.stack([part.mean() for part in parts]).sum()
                self._file(key, task, total if known is None else total - known, {})
                self._filed[key] = (task, value)

    def _file(self, key: str, task: str, value: Tensor, gradients: Mapping[str, dict[str, Tensor]]) -> None:
        if task in self.losses:
            # A gradient known for one of several terms is not the gradient of their sum.
            self.gradients.pop(task, None)
        elif task in gradients:
            self.gradients[task] = gradients[task]
        self.losses[task] = self.losses[task] + value if task in self.losses else value
        self._filed[key] = (task, value)


def labels_of(data_samples: list[Any], device: torch.device) -> tuple[Tensor, Tensor]:
    """Class and domain labels of a batch, each ``(N, )`` int64; -1 where a sample has none."""
    unknown = torch.tensor([-1])
    labels = [sample.gt_label.reshape(-1)[:1] if 'gt_label' in sample else unknown for sample in data_samples]
    domains = [int(sample.get('domain_label', -1)) for sample in data_samples]
    return (torch.cat([label.to(device) for label in labels]).long(),
            torch.tensor(domains, dtype=torch.long, device=device))


def targets_of(data_samples: list[Any]) -> Tensor:
    """Which samples of a batch are of the target, ``(N, )`` bool on the host."""
    return torch.tensor([bool(sample.get('is_target', False)) for sample in data_samples], dtype=torch.bool)
