"""A strength that is chosen on the first batches, by the lengths of two gradients."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from mmengine.dist import get_world_size
from torch import Tensor

from mmda_ext.models.joining import joined_sum


@dataclass
class StrengthChoice:
    """Makes the gradient of a term at the features a fraction of the classifier's, on the average of some batches.

    Args:
        fraction (float): Length of the one in parts of the other.
        batches (int): Number of batches that choose.
        task (str): The classifier's loss.
    """

    fraction: float
    batches: int
    task: str
    _done: bool = field(default=False, repr=False)

    def done(self, seen: Tensor) -> bool:
        """Whether enough batches were ``seen``; asks the device only until then."""
        if not self._done:
            self._done = bool(seen >= self.batches)
        return self._done

    @staticmethod
    def start() -> Tensor:
        """Batches seen and sums of the lengths of both gradients: what a resumed run needs to go on choosing."""
        return torch.zeros(3)

    def move(self, strength: Tensor, lengths: Tensor, classifier: Iterable[Tensor | None],
             term: Iterable[Tensor]) -> None:
        """Take one batch in: ``strength`` ``()`` and ``lengths`` ``(3, )`` move in place.

        Args:
            strength (Tensor): The strength.
            lengths (Tensor): What :meth:`start` made.
            classifier (Iterable[Tensor | None]): Gradient of the classifier's loss at the features.
            term (Iterable[Tensor]): Gradient of the term there, at strength 1.
        """
        squares = joined_sum(torch.stack([_square(classifier), _square(term)]).to(strength))
        # Those of the joined batch: a process has its own rows multiplied by the number of processes.
        lengths += torch.cat([strength.new_ones(1), squares.sqrt() / get_world_size()])
        ratio = self.fraction * lengths[1] / lengths[2].clamp_min(torch.finfo(strength.dtype).tiny)
        strength.copy_(torch.where(lengths[2] > 0, ratio, 0.0))


def _square(parts: Iterable[Tensor | None]) -> Tensor:
    return torch.stack([part.float().square().sum() for part in parts if part is not None]).sum()
