"""In which order do the parts of all modalities stand? (MOOSA; Dong et al., ECCV 2024)."""

import math
import random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.models.heads.base import widen
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MultimodalJigsaw(Objective):
    r""":math:`w` times the cross-entropy of the index of a permutation, given the permuted parts of the features.

    Each :math:`z^m` is cut into :math:`n` equal parts; the :math:`P = nM` parts of all modalities are permuted by each
    of ``num_permutations`` permutations, which are drawn once per run from all :math:`P!` without replacement, and a
    head (Linear, ReLU, Linear) on the permuted concatenation names the permutation. Gradients flow to the encoders.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        num_parts (int): :math:`n`; 4 in the release, 2 with three modalities.
        num_permutations (int): Number of classes of the puzzle.
        hidden_channels (int): Width of the head's hidden layer.
        loss_weight (float): :math:`w`.
        task (str, optional): As in :class:`Objective`; by default ``jigsaw``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If a feature cannot be cut into equal parts, or there are fewer permutations than wanted.

    Differences from the release: permutations are drawn as ranks and decoded in the factorial number system, instead of
    listing all :math:`P!`; the draw comes from Python's generator, which MMEngine seeds, and is kept in checkpoints.
    """

    example = dict(num_parts=2, num_permutations=8, hidden_channels=8)

    columns: Tensor

    def __init__(self,
                 fusion: dict,
                 num_parts: int = 4,
                 num_permutations: int = 128,
                 hidden_channels: int = 512,
                 loss_weight: float = 1.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        widths = fusion['in_channels']
        uneven = {name: width for name, width in widths.items() if width % num_parts}
        if num_parts < 1 or uneven:
            raise ValueError(f'MultimodalJigsaw: num_parts={num_parts} does not divide the widths {dict(widths)}')
        count = num_parts * len(widths)
        if not 2 <= num_permutations <= math.factorial(count):
            raise ValueError(f'MultimodalJigsaw: num_permutations={num_permutations} must be between 2 and the number '
                             f'of permutations of {count} parts, {math.factorial(count)}: change it or num_parts')
        self.modalities, self.loss_weight = tuple(widths), loss_weight
        parts = torch.arange(sum(widths.values()), device='cpu').split(
            [width // num_parts for width in widths.values() for _ in range(num_parts)])
        columns = [torch.cat([parts[index] for index in permutation(rank, count)])
                   for rank in draw_ranks(math.factorial(count), num_permutations)]
        # Columns of the concatenated features in the order of each permutation.
        self.register_buffer('columns', torch.stack(columns))
        self.head = nn.Sequential(
            nn.Linear(sum(widths.values()), hidden_channels), nn.ReLU(), nn.Linear(hidden_channels, num_permutations))

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_jigsaw': scalar, 'jigsaw_acc': percent}``."""
        joined = torch.cat([step.features[name] for name in self.modalities], dim=1)
        classes = len(self.columns)
        # Permutation-major rows, as in the release; which order it is does not change the mean.
        logits = self.head(joined[:, self.columns].transpose(0, 1).flatten(0, 1))
        target = torch.arange(classes, device=logits.device).repeat_interleave(len(joined))
        hits = (logits.detach().argmax(1) == target).sum()
        return {
            'loss_jigsaw': self.loss_weight * F.cross_entropy(widen(logits), target),
            'jigsaw_acc': 100.0 * hits / len(target)}


def draw_ranks(total: int, count: int) -> tuple[int, ...]:
    """``count`` different numbers below ``total``, in random order; ``total`` may exceed every machine integer."""
    ranks: dict[int, None] = {}
    while len(ranks) < count:
        ranks[random.randrange(total)] = None
    return tuple(ranks)


def permutation(rank: int, size: int) -> tuple[int, ...]:
    """The permutation of ``range(size)`` with this rank in lexicographic order.

    The digits of the rank in the factorial number system are positions among the numbers that are left.

    Raises:
        ValueError: If there is no such rank.
    """
    if not 0 <= rank < math.factorial(size):
        raise ValueError(f'rank={rank} must be in 0...{math.factorial(size) - 1}, the permutations of {size} items')
    left, order = list(range(size)), []
    for place in range(size - 1, -1, -1):
        position, rank = divmod(rank, math.factorial(place))
        order.append(left.pop(position))
    return tuple(order)
