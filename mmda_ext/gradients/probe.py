"""What each modality alone predicts, beside the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Logits = Mapping[str, Tensor]


@dataclass(frozen=True)
class Probe:
    """Confidences and hits of the modalities in one task; evaluated only if a balancer asks.

    Args:
        logits (dict[str, Tensor] | Callable): Modality -> logits of that modality alone, ``(N, C)``, or a function that
            returns them. It must not hold the step's record: a cycle would keep the graph alive.
        targets (Tensor): True classes, ``(N, )``; samples of -1 do not count.
    """

    logits: Logits | Callable[[], Logits]
    targets: Tensor

    def evaluated(self) -> 'Probe':
        """The same with the logits at hand, in full precision whatever autocast is on; the function is gone."""
        if not callable(self.logits):
            return self
        with torch.no_grad(), torch.autocast(self.targets.device.type, enabled=False):
            return Probe(self.logits(), self.targets)

    def _logits(self) -> list[Tensor]:
        known = self.evaluated().logits
        assert not callable(known)
        return [value.detach() for value in known.values()]

    def confidences(self) -> Tensor:
        """``sum_i softmax(logits^m_i)[target_i]`` over the samples with a target, for each modality, ``(M, )``."""
        known, index = self.targets >= 0, self.targets.clamp_min(0)[:, None]
        return torch.stack([(widen(value).softmax(1).gather(1, index)[:, 0] * known).sum() for value in self._logits()])

    def hits(self) -> Tensor:
        """Number of samples whose largest logit is that of their target, for each modality, ``(M, )``."""
        return torch.stack([(value.argmax(1) == self.targets).sum() for value in self._logits()]).float()

    def count(self) -> Tensor:
        """Number of samples with a target, 0-dim."""
        return (self.targets >= 0).sum()


def widen(x: Tensor) -> Tensor:
    """At least float32: sums of half-precision probabilities lose samples."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
