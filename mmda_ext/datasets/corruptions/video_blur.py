"""Pictures out of focus, behind frosted glass, in motion."""

import importlib
from typing import Any

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts
from mmda_ext.datasets.corruptions.video import VIDEO, Rng, each, pixels

# OpenCV's stubs lag behind its functions.
cv2: Any = importlib.import_module('cv2')


@VIDEO.family((3, .1), (4, .5), (6, .5), (8, .5), (10, .5))
def defocus_blur(frames: np.ndarray, level: tuple[float, float], rng: Rng, _: Facts) -> np.ndarray:
    """Mean over a disk, ``(radius, deviation of its smoothed edge)``."""
    kernel = disk(pixels(frames, level[0]), level[1])
    return each(frames, lambda frame: cv2.filter2D(frame, -1, kernel))


def disk(radius: float, edge: float) -> np.ndarray:
    """Weights of a disk, of sum 1. Pixels on the edge count in part, so that the radius need not be whole."""
    line = np.arange(-np.ceil(radius) - 3, np.ceil(radius) + 4)
    weights = np.clip(radius + .5 - np.hypot(*np.meshgrid(line, line)), 0, 1).astype(np.float32)
    size = 3 if radius <= 8 else 5
    return cv2.GaussianBlur(weights / weights.sum(), (size, size), edge)


@VIDEO.family((.7, 1, 2), (.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
def glass_blur(frames: np.ndarray, level: tuple[float, float, int], rng: Rng, _: Facts) -> np.ndarray:
    """Blur, let pixels trade places with neighbours, blur: ``(deviation, distance, times)``.

    The public code swaps one pixel after the other; here all look at once at one up to ``distance`` away, in no
    preferred direction.
    """
    deviation, distance, times = level
    reach = max(1, round(pixels(frames, distance)))
    height, width = frames.shape[1:3]
    rows, columns = np.mgrid[:height, :width]
    for _time in range(times):
        moved = rng.integers(-reach, reach + 1, size=(2, height, width)) + np.mgrid[:height, :width]
        place = np.clip(moved[0], 0, height - 1), np.clip(moved[1], 0, width - 1)
        rows, columns = rows[place], columns[place]
    return _smooth(_smooth(frames, deviation)[:, rows, columns], deviation)


def _smooth(frames: np.ndarray, deviation: float) -> np.ndarray:
    deviation = pixels(frames, deviation)
    return each(frames, lambda frame: cv2.GaussianBlur(frame, (0, 0), deviation))


@VIDEO.family((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
def motion_blur(frames: np.ndarray, level: tuple[float, float], rng: Rng, _: Facts) -> np.ndarray:
    """Mean along a line with half a Gaussian, ``(radius, deviation)``, in a direction within 45 degrees of level."""
    kernel = streak(pixels(frames, level[0]), pixels(frames, level[1]), rng.uniform(-45, 45))
    return each(frames, lambda frame: cv2.filter2D(frame, -1, kernel))


def streak(radius: float, deviation: float, angle: float) -> np.ndarray:
    """Weights along ``2 radius + 1`` pixels from the centre, in the direction of ``angle`` (degrees), of sum 1."""
    steps = np.arange(round(2 * radius) + 1)
    kernel = np.zeros((2 * len(steps) - 1, ) * 2, dtype=np.float32)
    rows, columns = (np.rint(steps * part(np.radians(angle))).astype(int) for part in (np.sin, np.cos))
    np.add.at(kernel, (rows + len(steps) - 1, columns + len(steps) - 1), np.exp(-steps**2 / (2 * deviation**2)))
    return kernel / kernel.sum()


@VIDEO.family((1.11, .01), (1.16, .01), (1.21, .02), (1.26, .02), (1.31, .03))
def zoom_blur(frames: np.ndarray, level: tuple[float, float], rng: Rng, _: Facts) -> np.ndarray:
    """Mean of the picture and its zooms by 1 up to, without, ``level[0]`` in steps of ``level[1]``."""
    factors = np.arange(1, *level)
    return sum((zoomed(frames, factor) for factor in factors), start=frames) / np.float32(len(factors) + 1)


def zoomed(frames: np.ndarray, factor: float) -> np.ndarray:
    """The middle of each frame, as large as the frame."""
    height, width = frames.shape[1:3]
    matrix = np.array([[factor, 0, (1 - factor) * (width - 1) / 2], [0, factor, (1 - factor) * (height - 1) / 2]])
    return each(frames, lambda frame: cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101))
