"""From frames of a video to pictures of a face."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from mmda_ext.datasets.emotion.detectors import Detector, center, cv2
from mmda_ext.datasets.emotion.records import Region
from mmda_ext.datasets.errors import MediaError, media_exceptions
from mmda_ext.datasets.video_file import VideoFile

#: Detectors see a copy whose longer side is at most this, which is enough for a speaker who fills the picture.
DETECTION_SIZE = 640


class FaceCropper:
    """Cut one speaker's face out of the frames of one utterance, in order.

    A frame without a face gets the box of the frame before, or the middle as long as there was none; both are counted
    in ``missed``.

    Args:
        detector (Detector): See ``detectors.py``.
        region (tuple): Part of the picture in which the speaker is, as fractions.
        size (int): Side of the result in pixels.
        margin (float): Factor by which a detected box grows; the box of ``center`` never grows.
    """

    def __init__(self, detector: Detector, region: Region, size: int, margin: float = 1.3) -> None:
        self.detector, self.region, self.size, self.margin = detector, region, size, margin
        self.missed = 0
        self._last: Sequence[float] | None = None

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Face of an RGB frame ``(H, W, 3)``, shape ``(size, size, 3)``."""
        view = _cut(frame, self.region)
        found = self._detect(view)
        if isinstance(found, np.ndarray) and found.ndim == 3:
            return self._resize(found)
        if found is None:
            self.missed += 1
        elif self.detector is not center:
            self._last = _grow(found, self.margin)
        box = self._last if self._last is not None else center(view)
        return self._resize(_clip(view, box))

    def _detect(self, view: np.ndarray) -> Any:
        scale = min(1., DETECTION_SIZE / max(view.shape[:2]))
        small = view if scale == 1. else cv2.resize(view, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = self.detector(np.ascontiguousarray(small))
        if found is None or np.ndim(found) == 3:
            return found
        if np.shape(found) != (4, ):
            raise ValueError(f'the face detector returned {found!r}: it must be 4 numbers, a picture (h, w, 3) or None')
        return [float(value) / scale for value in found]

    def _resize(self, picture: np.ndarray) -> np.ndarray:
        method = cv2.INTER_AREA if picture.shape[0] > self.size else cv2.INTER_LINEAR
        return cv2.resize(picture, (self.size, self.size), interpolation=method)


def _cut(frame: np.ndarray, region: Region) -> np.ndarray:
    height, width = frame.shape[:2]
    left, top, right, bottom = region
    return frame[round(top * height):round(bottom * height), round(left * width):round(right * width)]


def _grow(box: Sequence[float], factor: float) -> list[float]:
    """Square around the middle of a box."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) * factor / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return [x - half, y - half, x + half, y + half]


def _clip(view: np.ndarray, box: Sequence[float]) -> np.ndarray:
    height, width = view.shape[:2]
    left, right = (int(min(max(round(value), 0), width)) for value in (box[0], box[2]))
    top, bottom = (int(min(max(round(value), 0), height)) for value in (box[1], box[3]))
    # A box outside of the picture would leave nothing to resize.
    return view[top:bottom, left:right] if bottom > top and right > left else view


def spread(first: int, last: int, wanted: int) -> list[int]:
    """Frame numbers from ``first`` up to, without, ``last``, evenly: ``first + floor(i N / k)``.

    At least one, at most ``wanted`` (0: all). A later choice of ``k'`` of the ``k``, with ``k'`` a divisor of ``k``,
    takes the frames that would have been chosen at once.
    """
    count = max(last - first, 1)
    chosen = min(wanted or count, count)
    return [first + index * count // chosen for index in range(chosen)]


def read_frames(video: VideoFile, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Visible frames of a video by number, upright, in RGB, as far as they exist and can be decoded.

    What a broken end takes away is counted by the caller, who knows how many frames there should be.
    """
    with suppress(*media_exceptions(MediaError)):
        if wanted:
            yield from video.walk(wanted)


def frame_numbers(times: np.ndarray, seconds: Sequence[float]) -> list[int]:
    """Number of the frame that is seen at each moment.

    Args:
        times (np.ndarray): ``VideoIndex.times`` of ``n`` frames, shape ``(n + 1, )``.
        seconds (Sequence[float]): Moments.

    Returns:
        list[int]: 0 before the first frame; behind the last it goes on counting at the mean rate, from ``n``.
    """
    moments, count = np.asarray(seconds, dtype=np.float64), len(times) - 1
    behind = np.floor((moments - times[-1]) * count / (times[-1] - times[0]))
    found = np.searchsorted(times[:-1], moments, side='right') - 1
    return np.where(moments < times[-1], np.maximum(found, 0), count + behind).astype(int).tolist()
