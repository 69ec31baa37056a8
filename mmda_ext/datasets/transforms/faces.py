"""Read pictures of a face."""

import importlib
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.datasets.errors import MediaError
from mmda_ext.registry import TRANSFORMS

# OpenCV's stubs lag behind its functions.
cv2: Any = importlib.import_module('cv2')

PLACEMENTS = {'floor': 0., 'centered': 0.5}
DTYPES = ('float32', 'uint8')


@TRANSFORMS.register_module()
class LoadFaces(BaseTransform):
    r"""Read ``num_frames`` of ``face_files``, evenly spread over the utterance.

    .. math:: n_i = \lfloor (i + o) N / k \rfloor

    with ``o`` = 0 (``'floor'``) or 0.5 (``'centered'``); of fewer than ``k`` pictures some are taken twice. Adds
    ``imgs``, RGB, shape ``(num_frames, 3, H, W)``, and ``frame_inds``.

    Args:
        num_frames (int): ``k``.
        size (int | tuple[int, int]): Height and width of the result.
        placement (str): ``'floor'`` or ``'centered'``.
        dtype (str): ``'float32'``: values in [0, 1]; ``'uint8'``: values in [0, 255].

    Raises:
        ValueError: If an option is unknown.
        MediaError: If a picture is missing or cannot be read, or there are none.
    """

    def __init__(self,
                 num_frames: int = 8,
                 size: int | tuple[int, int] = 224,
                 placement: str = 'floor',
                 dtype: str = 'float32') -> None:
        if num_frames < 1:
            raise ValueError(f'LoadFaces: num_frames={num_frames} must be at least 1')
        if placement not in PLACEMENTS or dtype not in DTYPES:
            raise ValueError(f'LoadFaces: placement={placement!r}, dtype={dtype!r}: use one of {tuple(PLACEMENTS)} and '
                             f'one of {DTYPES}')
        self.num_frames, self.placement, self.dtype = num_frames, placement, dtype
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def transform(self, results: dict) -> dict:
        files = results['face_files']
        if not files:
            raise MediaError(str(results.get('frame_dir', '?')), 'the folder has no pictures of the face: prepare the '
                             'data again (docs/emotion_data.md)')
        steps = np.arange(self.num_frames) + PLACEMENTS[self.placement]
        chosen = np.floor(steps * len(files) / self.num_frames).astype(int)
        # Short utterances name a picture several times; it is decoded once.
        pictures = {number: self._read(files[number]) for number in dict.fromkeys(chosen.tolist())}
        stack = np.stack([pictures[number] for number in chosen.tolist()]).transpose(0, 3, 1, 2)
        images = np.ascontiguousarray(stack)
        results['imgs'] = images if self.dtype == 'uint8' else images.astype(np.float32) / 255
        results['frame_inds'] = chosen
        return results

    def _read(self, path: str) -> np.ndarray:
        picture = cv2.imread(path, cv2.IMREAD_COLOR)
        if picture is None:
            raise MediaError(path, 'the picture is missing or cannot be decoded: prepare the data again '
                             '(docs/emotion_data.md)')
        if picture.shape[:2] != self.size:
            method = cv2.INTER_AREA if picture.shape[0] > self.size[0] else cv2.INTER_LINEAR
            picture = cv2.resize(picture, self.size[::-1], interpolation=method)
        return picture[..., ::-1]

    def __repr__(self) -> str:
        return (f'LoadFaces(num_frames={self.num_frames}, size={self.size}, placement={self.placement!r}, '
                f'dtype={self.dtype!r})')
