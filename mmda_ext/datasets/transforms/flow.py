"""Optical flow: two grey video files, and the flip that keeps its meaning."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.datasets.transforms.video import DecodeVideo, OpenVideo
from mmda_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class OpenFlow(BaseTransform):
    """Open ``filenames``, the video files of the x and the y component.

    Adds ``video_reader`` (both readers), ``total_frames`` (of the shorter file), and ``avg_fps`` and ``frame_times`` of
    that one.

    Args:
        **kwargs: As in :class:`OpenVideo`.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.opener = OpenVideo(**kwargs)

    def transform(self, results: dict) -> dict:
        parts = [self.opener.transform({'filename': path}) for path in results['filenames']]
        results['video_reader'] = [part['video_reader'] for part in parts]
        shorter = min(parts, key=lambda part: part['total_frames'])
        results.update({key: shorter[key] for key in ('total_frames', 'avg_fps', 'frame_times')})
        return results


@TRANSFORMS.register_module()
class DecodeFlow(BaseTransform):
    """Decode both files to grey: adds ``imgs``, a list of ``(H, W, 2)`` uint8 with x in channel 0.

    Args:
        backend (str): As in :class:`OpenVideo`.
    """

    def __init__(self, backend: str = 'auto') -> None:
        self.decoder = DecodeVideo(backend)

    def transform(self, results: dict) -> dict:
        components = []
        for path, reader in zip(results['filenames'], results['video_reader']):
            part = {'filename': path, 'video_reader': reader, 'frame_inds': results['frame_inds']}
            part = self.decoder.transform(part)
            components.append([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in part['imgs']])
        imgs = [np.stack(pair, axis=-1) for pair in zip(*components)]
        shape = imgs[0].shape[:2]
        results.update(imgs=imgs, video_reader=None, original_shape=shape, img_shape=shape)
        return results


@TRANSFORMS.register_module()
class FlipFlow(BaseTransform):
    """Mirror flow images: left becomes right, and so the x component changes its sign, ``255 - x``.

    MMAction2 1.2.0 decodes flow as ``(H, W, 2)`` images, but its ``Flip`` takes every second *image* for an x
    component; it then inverts both components of half the images.

    Args:
        flip_ratio (float): Probability.
    """

    def __init__(self, flip_ratio: float = .5) -> None:
        self.flip_ratio = flip_ratio

    def transform(self, results: dict) -> dict:
        results['flip'] = bool(np.random.rand() < self.flip_ratio)
        results['flip_direction'] = 'horizontal'
        if results['flip']:
            results['imgs'] = [flip_flow(image) for image in results['imgs']]
        return results


def flip_flow(image: np.ndarray) -> np.ndarray:
    """Mirror one flow image.

    Args:
        image (np.ndarray): uint8, shape ``(H, W, 2)``, x in channel 0.

    Returns:
        np.ndarray: A new image of the same shape.
    """
    mirrored = image[:, ::-1].copy()
    mirrored[..., 0] = 255 - mirrored[..., 0]
    return mirrored
