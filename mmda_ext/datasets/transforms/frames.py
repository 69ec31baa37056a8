"""Decode folders of numbered images."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmaction.datasets.transforms import RawFrameDecode

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.transforms.video import file_backend
from mmda_ext.registry import TRANSFORMS


class _FlowTemplate:
    """Stands for a template ``'{}/frame_{:010d}.jpg'``; MMAction2 fixes the components' names to x and y."""

    def __init__(self, template: str, components: Sequence[str]) -> None:
        self.template, self.components = template, dict(zip('xy', components))

    def format(self, component: str, index: int) -> str:
        return self.template.format(self.components[component], index)


@TRANSFORMS.register_module()
class DecodeFrames(RawFrameDecode):
    """MMAction2's ``RawFrameDecode`` with readable errors and free names of the flow components.

    RGB gives ``(H, W, 3)`` images, flow ``(H, W, 2)`` images with x in channel 0.

    Args:
        components (Sequence[str]): Names of the x and the y component in ``filename_tmpl``; EPIC-Kitchens has u and v.
        **kwargs: As in ``RawFrameDecode``: ``io_backend``, ``decoding_backend``.

    Raises:
        MediaError: If an image is missing or cannot be read.
    """

    def __init__(self, components: Sequence[str] = ('u', 'v'), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_client = file_backend(self.io_backend, **self.kwargs)
        self.components = tuple(components)

    def transform(self, results: dict) -> dict:
        folder, template = results['frame_dir'], results['filename_tmpl']
        if results['modality'] == 'Flow':
            results['filename_tmpl'] = _FlowTemplate(template, self.components)
        inds = np.asarray(results['frame_inds'])
        needed = f'frames {inds.min()} to {inds.max()} are needed; extract the frames of this video again'
        try:
            results = super().transform(results)
        except FileNotFoundError as error:
            raise MediaError(str(error.filename), f'the image is missing: {needed}') from error
        # mmcv gives None for an unreadable image, or cv2 refuses an empty file.
        except (AttributeError, ValueError, cv2.error) as error:
            raise MediaError(folder, f'an image cannot be read ({error}): {needed}') from error
        results['filename_tmpl'] = template
        if any(image is None for image in results['imgs']):
            raise MediaError(folder, f'an image cannot be read: {needed}')
        return results
