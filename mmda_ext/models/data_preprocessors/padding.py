"""Modalities of variable length: waveforms, token ids, sequences of frames."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmda_ext import epsilons
from mmda_ext.registry import MODELS


class Padded(NamedTuple):
    """A batch of sequences, padded at the end. A named tuple, because data-parallel wrappers take those apart.

    Args:
        values (Tensor): ``(N, L, ...)``; whatever stands past a sequence's length has no meaning.
        lengths (Tensor): Length of each sequence, ``(N, )`` int64.
        keys (tuple[str], optional): ``sample_id`` of each sequence: what a cache files it under.
    """

    values: Tensor
    lengths: Tensor
    keys: tuple[str, ...] | None = None

    @property
    def shape(self) -> torch.Size:
        """Shape of ``values``: its first entry is the number of samples."""
        return self.values.shape

    @property
    def mask(self) -> Tensor:
        """``(N, L)``, true inside a sequence."""
        return torch.arange(self.values.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def take(self, index: Tensor) -> 'Padded':
        """The sequences at ``index``, ``(K, )`` int64 on the host; as long as the longest one of the whole batch."""
        keys = None if self.keys is None else tuple(self.keys[row] for row in index.tolist())
        index = index.to(self.values.device, non_blocking=True)
        return Padded(self.values[index], self.lengths[index.to(self.lengths.device)], keys)

    def sequences(self) -> list[Tensor]:
        """The sequences without their padding, ``N`` times ``(L_n, ...)``."""
        return [value[:length] for value, length in zip(self.values, self.lengths.tolist())]


def as_padded(inputs: 'Padded | Tensor') -> Padded:
    """Sequences of equal length, ``(N, L, ...)``, as a :class:`Padded`; a :class:`Padded` stays as it is."""
    if isinstance(inputs, Padded):
        return inputs
    return Padded(inputs, torch.full((inputs.shape[0], ), inputs.shape[1], device=inputs.device))


def pad(items: Sequence[Tensor], keys: Sequence[str] | None = None, value: float = 0.) -> Padded:
    """``N`` tensors ``(L_n, ...)`` -> values ``(N, max L_n, ...)`` and their lengths."""
    lengths = torch.tensor([len(item) for item in items], device=items[0].device)
    return Padded(pad_sequence(list(items), batch_first=True, padding_value=value), lengths,
                  None if keys is None else tuple(keys))


@MODELS.register_module()
class PaddingPreprocessor(nn.Module):
    """Pad the sequences of a batch to the longest one.

    Integers of 32 bits and more are taken for token ids and stay integers; all else becomes float32 (float64 stays).

    Args:
        normalize (bool): Zero mean and unit variance for each sequence, before padding; as most speech models want.
        mean (Sequence[float], optional): Subtracted from channel ``c`` of frames ``(L, C, ...)``; RGB order.
        std (Sequence[float], optional): Divisor of channel ``c``.
        max_length (int, optional): Longer sequences are cut at the end.

    Raises:
        ValueError: If only one of ``mean`` and ``std`` is given.
    """

    #: Read by :class:`MultimodalDataPreprocessor`: the samples of a batch may differ in length.
    variable_length = True

    def __init__(self,
                 normalize: bool = False,
                 mean: Sequence[float] | None = None,
                 std: Sequence[float] | None = None,
                 max_length: int | None = None) -> None:
        super().__init__()
        if (mean is None) != (std is None):
            raise ValueError(f'mean={mean} and std={std}: give both, or neither')
        self.normalize, self.max_length = normalize, max_length
        self.mean, self.std = mean, std

    def preprocess(self, inputs: list[Tensor], data_samples: Any, training: bool = False) -> tuple[Padded, Any]:
        """A list of ``(L_n, ...)`` to a :class:`Padded` with the samples' ids as keys; the samples pass through.

        Raises:
            ValueError: If the sequences differ in more than their length.
        """
        shapes = {tuple(value.shape[1:]) for value in inputs}
        if len(shapes) > 1 or inputs[0].dim() == 0:
            raise ValueError(f'sequences of one batch may differ in their first axis only, found (L, ...) with ... of '
                             f'{sorted(shapes)}: end the pipeline with a fixed size')
        ids = [sample.get('sample_id') for sample in data_samples or ()]
        keys = None if len(ids) != len(inputs) or None in ids else [str(key) for key in ids]
        return pad([self._one(value) for value in inputs], keys), data_samples

    def _one(self, value: Tensor) -> Tensor:
        value = value[:self.max_length]
        if value.dtype in (torch.int32, torch.int64) and self.mean is None and not self.normalize:
            return value.long()
        value = value if value.dtype == torch.float64 else value.float()
        if self.mean is not None and self.std is not None:
            shape = (1, -1, *[1] * (value.dim() - 2))
            value = (value - value.new_tensor(self.mean).view(shape)) / value.new_tensor(self.std).view(shape)
        if self.normalize and value.numel():
            value = (value - value.mean()) / (value.var(correction=0) + epsilons.WAVE_VARIANCE).sqrt()
        return value
