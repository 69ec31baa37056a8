"""Open and decode video files with PyAV, and with decord where it is installed and finds the same frames."""

import io
from typing import Any
from zlib import crc32

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.fileio import get_file_backend

from mmda_ext.datasets.errors import MediaError, media_exceptions
from mmda_ext.datasets.truncation import missing_bytes
from mmda_ext.datasets.video_file import VideoFile
from mmda_ext.datasets.video_index import VideoIndex, read_index, require_av
from mmda_ext.registry import TRANSFORMS
from mmda_ext.stack import installed

BACKENDS = ('auto', 'decord', 'pyav')
#: Files whose frames a worker remembers; the index of a clip of 10 s is 2 KB.
MEMORY = 1000


def choose_backend(backend: str) -> str:
    """Name of the decoder to use.

    PyAV is needed in any case: it tells which frames are visible, when, and which side is up. decord decodes faster.

    Args:
        backend (str): ``'auto'``, ``'decord'`` or ``'pyav'``.

    Returns:
        str: ``'decord'`` or ``'pyav'``.

    Raises:
        ValueError: If the name is unknown.
        ImportError: If it is not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(f'backend={backend!r} is unknown: use one of {BACKENDS}')
    require_av()
    if backend == 'decord' and not installed('decord'):
        raise ImportError("backend='decord' needs decord: run `pip install decord`, or use backend='auto'")
    return 'decord' if backend != 'pyav' and installed('decord') else 'pyav'


def file_backend(io_backend: str = 'disk', **kwargs: Any) -> Any:
    """Reader of files for MMAction2's transforms, which else make a deprecated one that warns in every worker."""
    return get_file_backend(backend_args={'backend': {'disk': 'local'}.get(io_backend, io_backend), **kwargs})


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open ``filename`` and list its visible frames; decodes no more than the first.

    Adds ``video_reader`` (for ``DecodeVideo``), ``total_frames``, ``avg_fps`` and ``frame_times``, the seconds at which
    each frame appears and the last one ends: see :class:`mmda_ext.datasets.video_index.VideoIndex`. They are the same
    for every backend.

    Args:
        backend (str): ``'auto'`` or ``'decord'``: decord (``'auto'``: if installed) where it finds these frames, else
            PyAV; ``'pyav'``: PyAV alone.
        io_backend (str): ``'disk'``, or another backend of ``mmengine.fileio``.
        num_threads (int): Threads of decord; the workers of a data loader are threads enough.
        **kwargs: For the backend.

    Raises:
        MediaError: If the file is missing, is truncated or is not a video.
    """

    def __init__(self, backend: str = 'auto', io_backend: str = 'disk', num_threads: int = 1, **kwargs: Any) -> None:
        self.backend, self.num_threads = choose_backend(backend), num_threads
        self.files = file_backend(io_backend, **kwargs)
        self.known: dict[tuple[str, int, int], VideoIndex] = {}

    def transform(self, results: dict) -> dict:
        path = results['filename']
        try:
            data = self.files.get(path)
            index = self._index(path, data)
        except FileNotFoundError as error:
            raise MediaError(path, 'there is no such video: check `data_root`') from error
        except media_exceptions(IndexError) as error:
            raise MediaError(path, f'it is not a readable video ({_short(error)}): copy or extract it again') from error
        results.update(total_frames=index.total_frames, avg_fps=index.rate, frame_times=index.times)
        results['video_reader'] = VideoFile(path, data, self.backend, self.num_threads, index)
        return results

    def _index(self, path: str, data: bytes) -> VideoIndex:
        """Visible frames of a file; those of the files read last are remembered, by their content."""
        key = (path, len(data), crc32(data))
        if key not in self.known:
            missing = missing_bytes(io.BytesIO(data), len(data))
            if missing:
                raise MediaError(path, f'it is truncated: {missing} bytes of the {len(data) + missing} that its header '
                                 'promises are missing; copy or extract it again')
            if len(self.known) >= MEMORY:
                del self.known[next(iter(self.known))]
            self.known[key] = read_index(path, data)
        return self.known[key]


@TRANSFORMS.register_module()
class DecodeVideo(BaseTransform):
    """Decode exactly the frames ``frame_inds`` of what ``OpenVideo`` opened: adds ``imgs``, ``(H, W, 3)`` RGB uint8.

    Seeking is accurate: MMAction2's ``mode='efficient'`` returns the nearest key frame instead. A frame that occurs
    several times is decoded once and copied, because augmentation works in place.

    Args:
        backend (str): ``'auto'``: as :class:`OpenVideo` was told; or another one for this step.

    Raises:
        MediaError: If the file breaks off before a frame that is needed.
        TypeError: If something else opened the file.
    """

    def __init__(self, backend: str = 'auto') -> None:
        self.backend = backend if backend == 'auto' else choose_backend(backend)

    def transform(self, results: dict) -> dict:
        video = results['video_reader']
        if not isinstance(video, VideoFile):
            raise TypeError(f'DecodeVideo: {results.get("filename")!r} was opened by another transform '
                            f'({type(video).__name__}): put mmda_ext.OpenVideo there')
        if self.backend != 'auto':
            video.backend = self.backend
        inds = np.asarray(results['frame_inds']).reshape(-1)
        needed, position = np.unique(inds, return_inverse=True)
        try:
            frames = video.read(needed.tolist())
        except media_exceptions(IndexError) as error:
            raise MediaError(
                video.path, f'frames {needed[0]} to {needed[-1]} cannot be decoded ({_short(error)}): the file is '
                'truncated or corrupt, copy or extract it again') from error
        repeated = len(needed) < len(inds)
        imgs = [frames[i].copy() if repeated else frames[i] for i in position.reshape(-1).tolist()]
        shape = imgs[0].shape[:2]
        results.update(imgs=imgs, video_reader=None, original_shape=shape, img_shape=shape, frame_inds=inds)
        return results


def _short(error: Exception) -> str:
    """First line of a decoder's message; decord appends its call stack."""
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0][:160]}' if lines else type(error).__name__
