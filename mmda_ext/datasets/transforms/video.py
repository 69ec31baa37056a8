"""Open and decode video files with decord, or with PyAV where decord is not installed."""

from typing import Any

import numpy as np
from mmaction.datasets.transforms import DecordDecode, DecordInit, PyAVDecode, PyAVInit
from mmcv.transforms import BaseTransform
from mmengine.fileio import get_file_backend

from mmda_ext.datasets.errors import MediaError, media_exceptions
from mmda_ext.registry import TRANSFORMS
from mmda_ext.stack import installed

BACKENDS = {'decord': 'decord', 'pyav': 'av'}


def choose_backend(backend: str) -> str:
    """Name of the decoder to use.

    Args:
        backend (str): ``'auto'``, ``'decord'`` or ``'pyav'``.

    Returns:
        str: ``'decord'`` or ``'pyav'``.

    Raises:
        ValueError: If the name is unknown.
        ImportError: If it is not installed.
    """
    if backend not in ('auto', *BACKENDS):
        raise ValueError(f'backend={backend!r} is unknown: use one of {("auto", *BACKENDS)}')
    usable = [name for name, module in BACKENDS.items() if installed(module) and backend in ('auto', name)]
    if not usable:
        wanted = 'decord or av' if backend == 'auto' else BACKENDS[backend]
        raise ImportError(f'decoding of video files needs {wanted}: run `pip install {wanted.split()[0]}`')
    return usable[0]


def file_backend(io_backend: str = 'disk', **kwargs: Any) -> Any:
    """Reader of files for MMAction2's transforms, which else make a deprecated one that warns in every worker."""
    return get_file_backend(backend_args={'backend': {'disk': 'local'}.get(io_backend, io_backend), **kwargs})


class _AVInit(PyAVInit):
    """MMAction2's, plus the frame rate, and the number of frames where the container does not say it."""

    def transform(self, results: dict) -> dict:
        results = super().transform(results)
        container = results['video_reader']
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        results['avg_fps'] = rate
        if not results['total_frames'] and container.duration:
            results['total_frames'] = round(container.duration / 1e6 * rate)
        return results


class _AVDecode(PyAVDecode):
    """MMAction2's, but it converts the frames asked for only, and never repeats frames of a truncated file silently."""

    def transform(self, results: dict) -> dict:
        container, wanted = results['video_reader'], set(results['frame_inds'].tolist())
        last, found = max(wanted), {}
        for position, frame in enumerate(container.decode(video=0)):
            if position in wanted:
                found[position] = frame.to_ndarray(format='rgb24')
            if position == last:
                break
        container.close()
        if last not in found:
            raise MediaError(str(results.get('filename')), f'it ends before frame {last}, so it is truncated')
        imgs = [found[position] for position in results['frame_inds'].tolist()]
        shape = imgs[0].shape[:2]
        results.update(imgs=imgs, video_reader=None, original_shape=shape, img_shape=shape)
        return results


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open ``filename``: adds ``video_reader``, ``total_frames`` and ``avg_fps``; decodes nothing.

    Args:
        backend (str): ``'auto'`` (decord if installed, else PyAV), ``'decord'`` or ``'pyav'``; give the same to
            ``DecodeVideo``.
        io_backend (str): ``'disk'``, or another backend of ``mmengine.fileio``.
        num_threads (int): Threads of decord; the workers of a data loader are threads enough.
        **kwargs: For the backend.

    Raises:
        MediaError: If the file is missing or is not a video.
    """

    def __init__(self, backend: str = 'auto', io_backend: str = 'disk', num_threads: int = 1, **kwargs: Any) -> None:
        self.backend = choose_backend(backend)
        decord = self.backend == 'decord'
        self.opener = DecordInit(io_backend, num_threads) if decord else _AVInit(io_backend)
        self.opener.file_client = file_backend(io_backend, **kwargs)

    def transform(self, results: dict) -> dict:
        path = results['filename']
        try:
            results = self.opener.transform(results)
        except FileNotFoundError as error:
            raise MediaError(path, 'there is no such video: check `data_root`') from error
        except decoder_exceptions(RuntimeError) as error:
            raise MediaError(path, f'it is not a readable video ({_short(error)}): copy or extract it again') from error
        if results['total_frames'] < 1:
            raise MediaError(path, 'the video has no frames: copy or extract it again')
        return results


@TRANSFORMS.register_module()
class DecodeVideo(BaseTransform):
    """Decode exactly the frames ``frame_inds``: adds ``imgs``, a list of ``(H, W, 3)`` RGB uint8.

    Seeking is accurate: MMAction2's ``mode='efficient'`` returns the nearest key frame instead. A frame that occurs
    several times is decoded once and copied, because augmentation works in place.

    Args:
        backend (str): As in :class:`OpenVideo`.

    Raises:
        MediaError: If the file breaks off before a frame that is needed.
    """

    def __init__(self, backend: str = 'auto') -> None:
        self.backend = choose_backend(backend)
        self.decoder = DecordDecode(mode='accurate') if self.backend == 'decord' else _AVDecode()

    def transform(self, results: dict) -> dict:
        inds = np.asarray(results['frame_inds']).reshape(-1)
        needed, position = np.unique(inds, return_inverse=True)
        results['frame_inds'] = needed
        try:
            results = self.decoder.transform(results)
        except decoder_exceptions() as error:
            raise MediaError(
                str(results.get('filename')), f'frames {needed[0]} to {needed[-1]} cannot be decoded '
                f'({_short(error)}): the file is truncated or corrupt, copy or extract it again') from error
        frames, position = results['imgs'], position.reshape(-1)
        repeated = len(needed) < len(inds)
        results['imgs'] = [frames[i].copy() if repeated else frames[i] for i in position.tolist()]
        results['frame_inds'] = inds
        return results


def decoder_exceptions(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """What decoders raise for a bad file."""
    return (*media_exceptions(), IndexError, *more)


def _short(error: Exception) -> str:
    """First line of a decoder's message; decord appends its call stack."""
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0][:160]}' if lines else type(error).__name__
