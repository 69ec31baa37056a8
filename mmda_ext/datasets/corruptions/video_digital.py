"""Colours, contrast, warping and compression of pictures."""

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts
from mmda_ext.datasets.corruptions.video import RGB, VIDEO, Rng, each, pixels
from mmda_ext.datasets.corruptions.video_blur import cv2


@VIDEO.family(.1, .2, .3, .4, .5, need=RGB)
def brightness(frames: np.ndarray, more: float, rng: Rng, _: Facts) -> np.ndarray:
    """Add to the value of hue, saturation and value."""
    return _in_hsv(frames, 2, 1., more)


@VIDEO.family((.3, 0), (.1, 0), (2, 0), (5, .1), (20, .2), need=RGB)
def saturate(frames: np.ndarray, level: tuple[float, float], rng: Rng, _: Facts) -> np.ndarray:
    """Saturation ``a S + b``: severities 1 and 2 take colour away, 3 to 5 exaggerate it."""
    return _in_hsv(frames, 1, *level)


def _in_hsv(frames: np.ndarray, channel: int, factor: float, more: float) -> np.ndarray:
    def change(frame: np.ndarray) -> np.ndarray:
        hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
        hsv[..., channel] = np.clip(factor * hsv[..., channel] + more, 0, 1)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    return each(frames, change)


@VIDEO.family(.4, .3, .2, .1, .05)
def contrast(frames: np.ndarray, factor: float, rng: Rng, _: Facts) -> np.ndarray:
    """``c (x - mean) + mean``; the mean of each frame and channel."""
    mean = frames.mean(axis=(1, 2), keepdims=True)
    return factor * (frames - mean) + mean


@VIDEO.family((2, .7, .1), (2, .08, .2), (.05, .01, .02), (.07, .01, .02), (.12, .01, .02))
def elastic(frames: np.ndarray, level: tuple[float, float, float], rng: Rng, _: Facts) -> np.ndarray:
    """A random affine map, then displacements: ``(their size, their smoothness, affine)`` in parts of 244 pixels."""
    from scipy.ndimage import gaussian_filter
    size, smoothness, affine = (pixels(frames, 244 * part) for part in level)
    height, width = frames.shape[1:3]
    centre, reach = np.array([width // 2, height // 2], np.float32), min(height, width) // 3
    corners = np.array([centre + reach, centre + [reach, -reach], centre - reach], np.float32)
    moved = corners + rng.uniform(-affine, affine, size=corners.shape).astype(np.float32)
    matrix = cv2.getAffineTransform(corners, moved)
    rows, columns = (
        (grid + size * gaussian_filter(rng.uniform(-1, 1, grid.shape), smoothness, truncate=3)).astype(np.float32)
        for grid in np.mgrid[:height, :width])

    def change(frame: np.ndarray) -> np.ndarray:
        mapped = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        return cv2.remap(mapped, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    return each(frames, change)


@VIDEO.family(.6, .5, .4, .3, .25)
def pixelate(frames: np.ndarray, factor: float, rng: Rng, _: Facts) -> np.ndarray:
    """Down to that part of the size by means over boxes, and back without smoothing."""
    height, width = frames.shape[1:3]
    small = max(1, int(width * factor)), max(1, int(height * factor))
    return each(frames, lambda frame: cv2.resize(
        cv2.resize(frame, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=cv2.INTER_NEAREST))


@VIDEO.family(25, 18, 15, 10, 7, need=RGB)
def jpeg(frames: np.ndarray, quality: int, rng: Rng, _: Facts) -> np.ndarray:
    """Compress and decompress."""
    def change(frame: np.ndarray) -> np.ndarray:
        # OpenCV's order of colours, which JPEG does not treat alike.
        picture = np.rint(np.clip(frame[..., ::-1], 0, 1) * 255).astype(np.uint8)
        code = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255

    return each(frames, change)
