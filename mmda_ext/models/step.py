"""What one training step leaves behind for objectives and for the optimizer wrapper."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class StepRecord:
    """State of one training step: read by objectives, and by a balancing wrapper after them.

    Args:
        features (dict[str, Tensor]): Modality -> features with their graph, ``(N, D_m)``.
        labels (Tensor): Class index of each sample, ``(N, )``; -1 where the sample has no label.
        domain_labels (Tensor): Index of each sample's source domain, ``(N, )``; -1 for a target sample.
        data_samples (list): The samples as the data preprocessor returned them.
        fused (Tensor, optional): Representation in front of the last layer of the classifier, ``(N, D)``.
        logits (Tensor, optional): Fused class logits ``(N, C)``.
        losses (dict[str, Tensor]): Task -> scalar with graph; losses of one task are added up.
        confidences (dict[str, Callable]): Task -> function that returns the batch sums of the true-class probability of
            each modality, ``(M, )``. Evaluated only when a balancer asks.
    """

    features: dict[str, Tensor]
    labels: Tensor
    domain_labels: Tensor
    data_samples: list[Any] = field(default_factory=list)
    fused: Tensor | None = None
    logits: Tensor | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)
    confidences: dict[str, Callable[[], Tensor]] = field(default_factory=dict)

    @property
    def num_samples(self) -> int:
        """Batch size ``N``."""
        return len(self.labels)

    def add_losses(self, terms: Mapping[str, Tensor], task: str | None = None) -> None:
        """File each ``loss_<name>`` of ``terms`` under its task: ``task`` if given, else ``<name>``."""
        for key, value in terms.items():
            if key.startswith('loss_'):
                name = task or key.removeprefix('loss_')
                self.losses[name] = self.losses[name] + value if name in self.losses else value


def labels_of(data_samples: list[Any], device: torch.device) -> tuple[Tensor, Tensor]:
    """Class and domain labels of a batch, each ``(N, )`` int64; -1 where a sample has none."""
    unknown = torch.tensor([-1])
    labels = [sample.gt_label.reshape(-1)[:1] if 'gt_label' in sample else unknown for sample in data_samples]
    domains = [int(sample.get('domain_label', -1)) for sample in data_samples]
    return (torch.cat([label.to(device) for label in labels]).long(),
            torch.tensor(domains, dtype=torch.long, device=device))
