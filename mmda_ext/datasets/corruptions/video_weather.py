"""Snow and fog over a clip."""

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts
from mmda_ext.datasets.corruptions.video import RGB, VIDEO, Rng, each, pixels
from mmda_ext.datasets.corruptions.video_blur import cv2, streak, zoomed


@VIDEO.family((.1, .3, 3, .5, 10, 4, .8), (.2, .3, 2, .5, 12, 4, .7), (.55, .3, 4, .9, 12, 8, .7),
              (.55, .3, 4.5, .85, 12, 8, .65), (.55, .3, 2.5, .85, 12, 12, .55), need=RGB)
def snow(frames: np.ndarray, level: tuple[float, ...], rng: Rng, _: Facts) -> np.ndarray:
    r"""Flakes in front of a whitened picture: ``(mean, deviation, zoom, threshold, radius, deviation of blur, mix)``.

    .. math:: a x + (1 - a) \max(x, 1.5 g + 0.5) + s + s'

    with the grey picture ``g``, the layer ``s`` of flakes and its half turn ``s'``: normal values, enlarged by
    ``zoom``, 0 below the threshold, blurred along a line from 45 to 135 degrees below level.
    """
    mean, deviation, zoom, threshold, radius, blur, mix = level
    drawn = rng.normal(mean, deviation, size=(1, *frames.shape[1:3], 1)).astype(np.float32)
    layer = zoomed(drawn, zoom)
    layer = np.clip(np.where(layer < threshold, 0, layer), 0, 1)
    kernel = streak(pixels(frames, radius), pixels(frames, blur), rng.uniform(-135, -45))
    layer = each(layer, lambda flakes: cv2.filter2D(flakes, -1, kernel))
    grey = each(frames, lambda frame: np.repeat(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=-1))
    return mix * frames + (1 - mix) * np.maximum(frames, 1.5 * grey + .5) + layer + np.rot90(layer, 2, axes=(1, 2))


@VIDEO.family((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
def fog(frames: np.ndarray, level: tuple[float, float], rng: Rng, _: Facts) -> np.ndarray:
    r""":math:`(x + c F) \max x / (\max x + c)` with a plasma ``F`` in [0, 1], ``(c, decay)``; maximum of each frame."""
    strength, decay = level
    height, width = frames.shape[1:3]
    plasma = plasma_fractal(2**int(np.ceil(np.log2(max(height, width)))), decay, rng)[:height, :width, None]
    brightest = frames.max(axis=(1, 2, 3), keepdims=True)
    return (frames + strength * plasma) * brightest / (brightest + strength)


def plasma_fractal(size: int, decay: float, rng: Rng) -> np.ndarray:
    """Heights in [0, 1] by the diamond-square algorithm on a torus, ``(size, size)``, float32.

    Args:
        size (int): A power of two.
        decay (float): The steps become smaller by its square from each scale to the next, as in the public code of
            ImageNet-C, where the amplitude of a step counts twice.
        rng (np.random.Generator): Source of the steps.
    """
    heights, step, amplitude = np.zeros((size, size)), size, 1.
    while step >= 2:
        half = step // 2

        def wobble(total: np.ndarray, amplitude: float = amplitude) -> np.ndarray:
            return total / 4 + amplitude * rng.uniform(-1, 1, total.shape)

        corners = heights[::step, ::step]
        beside, below = np.roll(corners, -1, axis=1), np.roll(corners, -1, axis=0)
        centres = wobble(corners + beside + below + np.roll(below, -1, axis=1))
        heights[half::step, half::step] = centres
        across = wobble(corners + beside + centres + np.roll(centres, 1, axis=0))
        heights[half::step, ::step] = wobble(corners + below + centres + np.roll(centres, 1, axis=1))
        heights[::step, half::step] = across
        step, amplitude = half, amplitude / decay**2
    heights -= heights.min()
    return (heights / heights.max()).astype(np.float32)
