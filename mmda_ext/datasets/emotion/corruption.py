"""Noise of a known power, darkness, masked words: the shift between the halves of a corpus, as pure functions."""

import hashlib
from typing import Any

import numpy as np

SNR_UNITS = ('linear', 'db')
IMAGENET_STD = (0.229, 0.224, 0.225)


def sample_rng(seed: int, *names: str) -> np.random.Generator:
    """Generator that depends on the seed and the names only, never on the order of the work or the worker."""
    digest = hashlib.sha256('\0'.join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def linear_snr(snr: float, unit: str) -> float:
    r"""Ratio of powers: :math:`10^{s / 10}` for decibels.

    Raises:
        ValueError: If the unit is unknown or the ratio is not positive.
    """
    if unit not in SNR_UNITS:
        raise ValueError(f'snr_unit={unit!r} is unknown: use one of {SNR_UNITS}')
    ratio = 10 ** (snr / 10) if unit == 'db' else float(snr)
    if not 0 < ratio < np.inf:
        raise ValueError(f'snr={snr!r} ({unit}) must be a positive ratio of powers')
    return ratio


def add_noise(signal: np.ndarray, ratio: float, rng: np.random.Generator, axes: tuple[int, ...]) -> np.ndarray:
    r"""Add white Gaussian noise whose power is exactly that of the signal over ``ratio``.

    .. math:: y = x + w \sqrt{\frac{P_x}{r \, P_w}}, \quad P_u = \mathrm{mean}(u^2)

    The power of the noise that was drawn counts, not its expectation, so that the ratio is exact.

    Args:
        signal (np.ndarray): Any shape.
        ratio (float): Signal power over noise power.
        rng (np.random.Generator): Source of the noise.
        axes (tuple[int, ...]): Axes over which power is a mean; the rest are signals of their own.

    Returns:
        np.ndarray: Same shape, float32. A signal that is zero everywhere stays so.
    """
    exact = signal.astype(np.float64)
    noise = rng.standard_normal(signal.shape)
    power, drawn = (np.square(value).mean(axis=axes, keepdims=True) for value in (exact, noise))
    return (exact + noise * np.sqrt(power / (ratio * drawn))).astype(np.float32)


def darken(frames: np.ndarray, brightness: float, rng: np.random.Generator, ratio: float) -> np.ndarray:
    """Multiply ``(T, 3, H, W)`` in [0, 1] by ``brightness``, then add noise against the power of each dark frame."""
    return add_noise(frames.astype(np.float64) * brightness, ratio, rng, axes=(1, 2, 3))


def darken_std(frames: np.ndarray, brightness: float, rng: np.random.Generator, sigma: float,
               std: tuple[float, ...] = IMAGENET_STD) -> np.ndarray:
    """As ``darken`` with noise of deviation ``sigma`` after a normalisation that divides by ``std``.

    Normalisation is linear, so noise of deviation ``sigma * std`` before it is the same.
    """
    scale = sigma * np.asarray(std).reshape(1, -1, 1, 1)
    return (frames.astype(np.float64) * brightness + rng.standard_normal(frames.shape) * scale).astype(np.float32)


def mask_words(text: str, fraction: float, rng: np.random.Generator, token: str = 'MASK', exact: bool = True) -> str:
    """Replace some words.

    Args:
        text (str): Words between blanks. A single word is left alone.
        fraction (float): Share of the words, 0 to 1.
        rng (np.random.Generator): Chooses the words.
        token (str): What stands in their place.
        exact (bool): ``round(fraction * n)`` distinct words (half to even); else each word by itself with that
            probability.
    """
    words: list[Any] = text.split()
    count = len(words)
    if count < 2:
        return text
    if exact:
        chosen = rng.choice(count, size=round(fraction * count), replace=False)
    else:
        chosen = np.flatnonzero(rng.random(count) < fraction)
    for index in chosen:
        words[index] = token
    return ' '.join(words)
