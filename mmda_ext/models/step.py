"""What one training step leaves behind for objectives and for the optimizer wrapper."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.gradients import Cut, Probe


@dataclass
class StepRecord:
    """State of one training step: read by objectives, and by a balancing wrapper after them.

    Args:
        features (dict[str, Tensor]): Modality -> features ``(N, D_m)``: with their graph, or leaves of :attr:`cut`.
        labels (Tensor): Class index of each sample, ``(N, )``; -1 where the sample has no label.
        domain_labels (Tensor): Index of each sample's source domain, ``(N, )``; -1 for a target sample.
        data_samples (list): The samples as the data preprocessor returned them.
        fused (Tensor, optional): Representation in front of the last layer of the classifier, ``(N, D)``.
        logits (Tensor, optional): Fused class logits ``(N, C)``.
        losses (dict[str, Tensor]): Task -> scalar with graph; losses of one task are added up.
        is_target (Tensor): Whether a sample is of the target, ``(N, )`` bool, on the host: selecting rows by it does
            not wait for the device. All ``False`` where nothing is said.
        modality_logits (dict[str, Tensor]): Modality -> class logits of a head of its own, ``(N, C)`` with graph, filed
            by the objective that owns the heads.
        projections (dict[str, Tensor]): Modality -> rows of length 1 of a projection head, ``(N, P)`` with graph, filed
            by the objective that owns the heads.
        feature_gradients (dict[str, dict[str, Tensor]]): Task -> modality -> gradient of its loss at the features,
            ``(N, D_m)``, detached and unscaled, filed by an objective that has it in closed form. All of the loss must
            be in it, and the loss must have no parameters of its own.
        classifier (nn.Module, optional): The fusion that made ``logits`` ``(N, C)`` of ``features``, for those that
            predict from other features than those of the step.
        modality_classifiers (dict[str, nn.Module]): Modality -> head that made its ``modality_logits``.
        probes (dict[str, Probe]): Task -> what each modality alone predicts, and the truth; evaluated only when a
            balancer asks.
        inputs (dict[str, Tensor]): What went into the encoders, ``{m: (N * S_m, ...)}``.
        encoder (Callable, optional): The recognizer's part of :meth:`encode`.
        cut (Cut, optional): Where ``features`` were cut from the graph of their encoders, for a balancing wrapper.
    """

    features: dict[str, Tensor]
    labels: Tensor
    domain_labels: Tensor
    data_samples: list[Any] = field(default_factory=list)
    fused: Tensor | None = None
    logits: Tensor | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    is_target: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))
    modality_logits: dict[str, Tensor] = field(default_factory=dict)
    projections: dict[str, Tensor] = field(default_factory=dict)
    feature_gradients: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    encoder: Callable[..., dict[str, Tensor]] | None = None
    cut: Cut | None = None
    _filed: dict[str, tuple[str, Tensor]] = field(default_factory=dict, repr=False)
    classifier: nn.Module | None = None
    modality_classifiers: dict[str, nn.Module] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.is_target):
            self.is_target = torch.zeros(len(self.labels), dtype=torch.bool)

    @property
    def source_rows(self) -> Tensor:
        """Positions of the source samples, int64, on the device of the labels."""
        return (~self.is_target).nonzero()[:, 0].to(self.labels.device, non_blocking=True)

    @property
    def target_rows(self) -> Tensor:
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
            RuntimeError: If the record was made without encoders.
        """
        if self.encoder is None:
            raise RuntimeError('this record has no encoders: it was made outside of a recognizer')
        features = self.encoder(inputs, num_samples, evaluation)
        return features if self.cut is None else self.cut.add(features)

    def voters(self, asked_by: str) -> list[Tensor]:
        """Class logits ``(N, C)`` of each modality's own head, then of the fused classifier.

        Raises:
            ValueError: If one of them is missing, in the name of the objective ``asked_by``.
        """
        if self.logits is None or not self.modality_logits:
            raise ValueError(f'{asked_by} needs the logits of every modality\'s head and of the classifier: place an '
                             'objective with heads (mmda_ext.LocalClassification, mmda_ext.InformationBottleneck or '
                             'mmda_ext.EntropyWeightedClassification) before it in `objectives`')
        return [*self.modality_logits.values(), self.logits]

    def add_losses(self, terms: Mapping[str, Tensor], task: str | None = None) -> None:
        """File each ``loss_<name>`` of ``terms`` under its task: ``task`` if given, else ``<name>``."""
        for key, value in terms.items():
            if key.startswith('loss_'):
                self._file(key, task or key.removeprefix('loss_'), value)

    def add_unfiled(self, losses: Mapping[str, Tensor | list[Tensor]]) -> None:
        """File what differs in the dict that MMEngine adds up: keys that hold "loss" and came in, or changed, later."""
        for key, value in losses.items():
            task, known = self._filed.get(key, (key.replace('loss', '').strip('_') or 'further', None))
            if 'loss' in key and value is not known:
                parts = value if isinstance(value, (list, tuple)) else [value]
                total = torch.stack([part.mean() for part in parts]).sum()
                self._file(key, task, total if known is None else total - known)
                self._filed[key] = (task, value)  # type: ignore[assignment]

    def _file(self, key: str, task: str, value: Tensor) -> None:
        if task in self.losses:
            # A gradient known for one of several terms is not the gradient of their sum.
            self.feature_gradients.pop(task, None)
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
