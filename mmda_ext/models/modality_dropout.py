"""Modalities that are taken from some samples of a training batch."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmda_ext.choices import choose
from mmda_ext.registry import MODELS

LEVELS = ('sample', 'batch')


@MODELS.register_module()
class ModalityDropout(nn.Module):
    """With probability ``p``, the features of one modality, drawn evenly, become 0; never those of all.

    A sample keeps all modalities with probability 1 - p, and each of M with 1 - p / M. With ``independent``, each
    modality is dropped with probability ``p`` whatever happens to the others, and where all are dropped, one that is
    drawn evenly is given back. What is left is not scaled. Draws come from the generator that ordinary dropout draws
    from. Nothing happens in evaluation mode.

    Args:
        p (float): From 0 to 1.
        level (str): Draw for each ``'sample'``, or once for the ``'batch'``.
        independent (bool): A draw for each modality, instead of one for all.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(self, p: float = 0.3, level: str = 'sample', independent: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f'ModalityDropout: p={p!r} must be a number from 0 to 1')
        self.p, self.level = p, choose('level', level, LEVELS, 'ModalityDropout')
        self.independent = independent

    def forward(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features ``{m: (N, D_m)}`` with zeros in the place of what is dropped."""
        if not self.training:
            return dict(features)
        first = next(iter(features.values()))
        rows = len(first) if self.level == 'sample' else 1
        kept = self._kept(rows, len(features), first.device)
        # A product, so that what is not finite stays so and is seen.
        return {name: value * kept[:, index, None].to(value.dtype)
                for index, (name, value) in enumerate(features.items())}

    def _kept(self, rows: int, modalities: int, device: torch.device) -> Tensor:
        """Whether a modality of a row stays, ``(rows, modalities)`` bool."""
        drawn = torch.nn.functional.one_hot(torch.randint(modalities, (rows, ), device=device), modalities).bool()
        if not self.independent:
            return ~(drawn & (torch.rand(rows, device=device) < self.p)[:, None])
        kept = torch.rand(rows, modalities, device=device) >= self.p
        return kept | (drawn & ~kept.any(1, keepdim=True))
