"""Pictures of a clip: noise, and frames that come late, stop or are lost.

Frames are ``(T, H, W, C)``, uint8 or floats in [0, 1]; families see float32 in [0, 1], and what they return is clipped.
Severities are those of ImageNet-C (Hendrycks and Dietterich, ICLR 2019) for 224 pixels, which READ (Yang et al., ICLR
2024) applies to clips; lengths in pixels are scaled with the shorter side. Here geometry is drawn once for a clip and
noise for each frame. Frost is left out: it needs photographs.
"""

from collections.abc import Callable

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts, Kind, Need
from mmda_ext.epsilons import ROUNDING

Rng = np.random.Generator
RGB = Need(lambda frames, _: frames.shape[-1] == 3, 'it needs pictures of three colours')
MOVING = Need(lambda frames, _: len(frames) > 1, 'it needs more than one frame')


def _into(frames: np.ndarray, _: Facts) -> np.ndarray:
    return frames.astype(np.float32) / np.float32(255) if frames.dtype == np.uint8 else frames.astype(np.float32)


def _back(result: np.ndarray, frames: np.ndarray, _: Facts) -> np.ndarray:
    result = np.clip(result, 0, 1)
    return np.rint(result * 255).astype(np.uint8) if frames.dtype == np.uint8 else result.astype(frames.dtype)


VIDEO = Kind('video', _into, _back)


def pixels(frames: np.ndarray, length: float) -> float:
    """A length that is meant for pictures of 224 pixels, in pixels of these."""
    return length * min(frames.shape[1:3]) / 224


def each(frames: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Change every frame; OpenCV drops the axis of a single channel."""
    return np.stack([np.asarray(change(frame)).reshape(frame.shape) for frame in frames])


@VIDEO.family(.08, .12, .18, .26, .38)
def gaussian_noise(frames: np.ndarray, std: float, rng: Rng, _: Facts) -> np.ndarray:
    """``x + std N(0, 1)``."""
    return frames + std * rng.standard_normal(frames.shape, dtype=np.float32)


@VIDEO.family(60, 25, 12, 5, 3)
def shot_noise(frames: np.ndarray, photons: float, rng: Rng, _: Facts) -> np.ndarray:
    """``Poisson(c x) / c``."""
    return rng.poisson(frames * photons) / photons


@VIDEO.family(.03, .06, .09, .17, .27)
def impulse_noise(frames: np.ndarray, amount: float, rng: Rng, _: Facts) -> np.ndarray:
    """That share of the values becomes 0 or 1, as often the one as the other."""
    drawn = rng.random(frames.shape, dtype=np.float32)
    return np.where(drawn < amount, drawn < amount / 2, frames)


@VIDEO.family(.15, .2, .35, .45, .6)
def speckle_noise(frames: np.ndarray, std: float, rng: Rng, _: Facts) -> np.ndarray:
    """``x + x std N(0, 1)``."""
    return frames * (1 + std * rng.standard_normal(frames.shape, dtype=np.float32))


@VIDEO.family(.1, .2, .3, .5, .7, need=MOVING)
def frame_drop(frames: np.ndarray, share: float, rng: Rng, _: Facts) -> np.ndarray:
    """Each frame after the first is lost with that probability; the one before it stays on the screen."""
    kept = rng.random(len(frames)) >= share
    return frames[np.maximum.accumulate(np.where(kept, np.arange(len(frames)), 0))]


@VIDEO.family(.8, .6, .5, .4, .2, need=MOVING)
def freeze(frames: np.ndarray, share: float, rng: Rng, _: Facts) -> np.ndarray:
    """Nothing moves after that share of the clip, rounded up."""
    last = int(np.ceil(share * len(frames) - ROUNDING)) - 1
    return frames[np.minimum(np.arange(len(frames)), last)]


@VIDEO.family(.75, .5, .33, .25, .17, need=MOVING)
def frame_rate(frames: np.ndarray, factor: float, rng: Rng, _: Facts) -> np.ndarray:
    """As many frames, of which only every ``1 / factor``-th is new."""
    shown = np.floor(np.arange(len(frames)) * factor + ROUNDING)
    return frames[np.ceil(shown / factor - ROUNDING).astype(int)]
