"""Second views of inputs that are on the device already, for objectives that compare two views of a sample."""

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.models.data_preprocessors.padding import Padded
from mmda_ext.registry import MODELS


class View(BaseModule):
    """A random change of preprocessed inputs that keeps the class: ``(n, ...) -> (n, ...)``, row by row."""

    @abstractmethod
    def change(self, values: Tensor) -> Tensor:
        """The changed values, same shape; the argument stays as it is."""

    @torch.no_grad()
    def forward(self, inputs: Tensor | Padded) -> Tensor | Padded:
        """Values without gradient; sequences lose their keys, so that no cache takes one view for the other."""
        if isinstance(inputs, Padded):
            return inputs._replace(values=self.change(inputs.values), keys=None)
        return self.change(inputs)


def select(inputs: Tensor | Padded, index: Tensor, num_samples: int) -> Tensor | Padded:
    """All ``S`` clips of some samples: inputs ``(N * S, ...)`` and positions ``(n, )`` -> ``(n * S, ...)``."""
    if isinstance(inputs, Padded):
        return Padded(_take(inputs.values, index, num_samples), _take(inputs.lengths, index, num_samples))
    return _take(inputs, index, num_samples)


def _take(values: Tensor, index: Tensor, num_samples: int) -> Tensor:
    return values.unflatten(0, (num_samples, -1))[index].flatten(0, 1)


@MODELS.register_module()
class FeatureView(View):
    """Feature dropout and Gaussian noise, for ready-made features.

    Args:
        dropout (float): Part of the values set to 0; the others grow accordingly.
        noise (float): Deviation of the noise, in deviations of each feature over the batch.
    """

    def __init__(self, dropout: float = 0.1, noise: float = 0.1) -> None:
        super().__init__()
        _check(0, 1, dropout=dropout)
        _check(0, math.inf, noise=noise)
        self.dropout, self.noise = dropout, noise

    def change(self, values: Tensor) -> Tensor:
        deviation = values.std(0, correction=0, keepdim=True)
        return F.dropout(values, self.dropout) + self.noise * deviation * torch.randn_like(values)


@MODELS.register_module()
class VideoView(View):
    """Horizontal flip and a jitter of brightness and contrast, for normalised frames ``(n, ..., H, W)``.

    Args:
        flip (float): Probability of the flip; 0 for optical flow, whose flip would also have to change a sign.
        brightness (float): Largest shift, in deviations of the clip.
        contrast (float): Largest relative change of the distance to the mean of the clip.
    """

    def __init__(self, flip: float = 0.5, brightness: float = 0.2, contrast: float = 0.2) -> None:
        super().__init__()
        _check(0, 1, flip=flip, contrast=contrast)
        _check(0, math.inf, brightness=brightness)
        self.flip, self.brightness, self.contrast = flip, brightness, contrast

    def change(self, values: Tensor) -> Tensor:
        flipped = torch.where(_uniform(values, 0, 1) < self.flip, values.flip(-1), values)
        rows = flipped.flatten(1)
        shape = (-1, *[1] * (values.dim() - 1))
        mean, deviation = rows.mean(1).view(shape), rows.std(1, correction=0).view(shape)
        factor = _uniform(values, 1 - self.contrast, 1 + self.contrast)
        return mean + factor * (flipped - mean) + _uniform(values, -self.brightness, self.brightness) * deviation


@MODELS.register_module()
class AudioView(View):
    """White noise or a change of gain, one of them by chance for each clip, for waveforms ``(n, ..., T)``.

    Args:
        snr (Sequence[float]): Range of the signal-to-noise ratio in dB.
        gain (float): Largest change of the gain in dB, up or down.
    """

    def __init__(self, snr: Sequence[float] = (20.0, 30.0), gain: float = 6.0) -> None:
        super().__init__()
        _check(0, math.inf, gain=gain)
        if len(snr) != 2 or snr[0] > snr[1]:
            raise ValueError(f'AudioView: snr={snr!r} must be the lower and the upper bound in dB')
        self.snr, self.gain = tuple(snr), gain

    def change(self, values: Tensor) -> Tensor:
        power = values.flatten(1).square().mean(1).view(-1, *[1] * (values.dim() - 1))
        amplitude = (power * 10**(-_uniform(values, *self.snr) / 10)).sqrt()
        noisy = values + amplitude * torch.randn_like(values)
        louder = values * 10**(_uniform(values, -self.gain, self.gain) / 20)
        return torch.where(_uniform(values, 0, 1) < 0.5, noisy, louder)


@MODELS.register_module()
class TokenView(View):
    """Word dropout, for token ids ``(n, L)``.

    Args:
        mask_id (int): Id that replaces a dropped token: ``tokenizer.mask_token_id``.
        special_ids (Sequence[int]): Ids that stay: ``tokenizer.all_special_ids``.
        dropout (float): Part of the tokens that is dropped.
    """

    special_ids: Tensor

    def __init__(self, mask_id: int, special_ids: Sequence[int] = (), dropout: float = 0.1) -> None:
        super().__init__()
        _check(0, 1, dropout=dropout)
        self.mask_id, self.dropout = mask_id, dropout
        self.register_buffer('special_ids', torch.tensor(list(special_ids), dtype=torch.long), persistent=False)

    def change(self, values: Tensor) -> Tensor:
        dropped = torch.rand(values.shape, device=values.device) < self.dropout
        return values.masked_fill(dropped & ~torch.isin(values, self.special_ids), self.mask_id)


def _uniform(like: Tensor, low: float, high: float) -> Tensor:
    """One number for each row, ``(n, 1, ..., 1)``."""
    return low + (high - low) * torch.rand(len(like), *[1] * (like.dim() - 1), dtype=like.dtype, device=like.device)


def _check(low: float, high: float, **options: float) -> None:
    for name, value in options.items():
        if not low <= value <= high:
            raise ValueError(f'{name}={value!r} of a view must be in [{low}, {high}]')
