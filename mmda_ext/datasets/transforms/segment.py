"""What a table names beside videos and sound: folders of images, arrays, and the stretch of time of a row."""

import logging
import re
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.transforms.audio import TOLERANCE
from mmda_ext.registry import TRANSFORMS

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
_NUMBERED = re.compile(r'(.*?)(\d+)(\.\w+)')


@TRANSFORMS.register_module()
class OpenFrames(BaseTransform):
    """List the numbered images of the folder ``frame_dir``, whatever they are called.

    Adds ``total_frames``, ``start_index``, ``filename_tmpl`` and, where ``rate`` (images per second) is known,
    ``avg_fps``, for ``mmda_ext.DecodeFrames``.

    Raises:
        MediaError: If there are no images, a number is missing, or they have several names.
    """

    def transform(self, results: dict) -> dict:
        folder = results['frame_dir']
        names = [path.name for path in Path(folder).glob('*') if path.suffix.lower() in IMAGES]
        found = [match.groups() for match in map(_NUMBERED.fullmatch, names) if match]
        if not found or len(found) < len(names):
            raise MediaError(folder, f'{len(names)} images, {len(found)} of them with a number at the end of their '
                             'name: it must hold the frames of one clip, such as 0001.jpg, 0002.jpg, ...')
        kinds = sorted({(prefix, suffix) for prefix, _, suffix in found})
        if len(kinds) > 1:
            raise MediaError(folder, 'it holds images of several names, ' + ' and '.join(
                f'{prefix}*{suffix}' for prefix, suffix in kinds[:2]) + ': give each clip a folder of its own')
        numbers = sorted(int(number) for _, number, _ in found)
        missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
        if missing or len(set(numbers)) < len(numbers):
            raise MediaError(folder, f'image {missing[0]} of {numbers[0]} to {numbers[-1]} is missing: extract the '
                             'frames again' if missing else 'a number is there twice: extract the frames again')
        width = min(len(number) for _, number, _ in found)
        prefix, suffix = (part.replace('{', '{{').replace('}', '}}') for part in kinds[0])
        results.update(total_frames=len(numbers), start_index=numbers[0],
                       filename_tmpl=f'{prefix}{{:0{width}d}}{suffix}')
        if results.get('rate'):
            results['avg_fps'] = results['rate']
        return results


@TRANSFORMS.register_module()
class CutToSegment(BaseTransform):
    """Leave the frames that appear from ``start_time`` to, without, ``stop_time`` (seconds; None: the ends).

    Changes ``start_index`` and ``total_frames`` of what ``mmda_ext.OpenVideo`` or ``mmda_ext.OpenFrames`` opened; of a
    stretch between two frames the one that is seen is left. A stretch that reaches over the end by more than 0.1 s is
    cut, and the sample gets ``incomplete='shortened'``, as of ``mmda_ext.LoadAudio``.

    Raises:
        MediaError: If the stretch lies behind the end.
    """

    def __init__(self) -> None:
        self.shortened_segments = 0

    def transform(self, results: dict) -> dict:
        start, stop = results.get('start_time'), results.get('stop_time')
        results.pop('incomplete', None)
        if start is None and stop is None:
            return results
        path, times = str(results.get('filename', results.get('frame_dir'))), _times(results)
        begin, end = start or 0., float(times[-1]) if stop is None else stop
        if begin >= times[-1]:
            raise MediaError(path, f'the segment from {begin:g} s to {end:g} s lies behind its end, {times[-1]:.2f} s: '
                             'correct `start` and `stop` of this row')
        if end - times[-1] > TOLERANCE:
            self.shortened_segments += 1
            _note_shortened(results, path, float(times[-1]), self.shortened_segments)
        # Times are counted in fractions of a second that a table cannot write down.
        first, last = np.searchsorted(times[:-1], (begin - 1e-6, end - 1e-6)).tolist()
        if first == last:
            first, last = max(first - 1, 0), max(first - 1, 0) + 1
        results.update(start_index=results['start_index'] + first, total_frames=last - first)
        return results


def _note_shortened(results: dict, path: str, seconds: float, count: int) -> None:
    """Let the sample say so, for the run to count; this may be a worker process, which tells the first alone."""
    results['incomplete'] = 'shortened'
    if count == 1:
        print_log(f'{path}: it ends at {seconds:.2f} s, before the segment from {results.get("start_time") or 0:g} s '
                  f'to {results["stop_time"]:g} s does; the rest is used (logged once in each worker)',
                  logger='current', level=logging.WARNING)


def _times(results: dict) -> np.ndarray:
    """Seconds at which each frame appears and the last one ends, ``(n + 1, )``; images begin at second 0."""
    if 'frame_times' in results:
        return results['frame_times']
    if not results.get('avg_fps'):
        raise MediaError(str(results['frame_dir']), 'a segment of a folder of images needs `rate`, images per second')
    return np.arange(results['total_frames'] + 1) / results['avg_fps']


@TRANSFORMS.register_module()
class LoadArray(BaseTransform):
    """Read ``array_path``, a ``.npy`` file, as a sequence: adds ``feature``, float32, shape ``(L, channels)``.

    Without ``array_path``, ``feature`` is the array. The first axis is time, the others are joined. An array of one
    axis is one vector, ``(1, channels)``, or with ``channels=1`` a signal, ``(L, 1)``. With ``rate`` (steps per second)
    only the steps from ``start_time`` to ``stop_time`` are read; a stretch over the end is cut, and the sample gets
    ``incomplete='shortened'``.

    Args:
        channels (int): Numbers in each step.

    Raises:
        MediaError: If the file is missing, is no array of numbers, has another width, holds NaN or infinity, or ends
            before the stretch begins.
    """

    def __init__(self, channels: int) -> None:
        if channels < 1:
            raise ValueError(f'LoadArray: channels={channels} must be at least 1')
        self.channels, self.shortened_segments = channels, 0

    def transform(self, results: dict) -> dict:
        path, rate = results.get('array_path', 'the array'), results.get('rate')
        given = open_array(path) if 'array_path' in results else results['feature']
        values = as_steps(path, given, self.channels)
        results.pop('incomplete', None)
        if rate:
            values = values[self._steps(results, len(values), rate)]
        with np.errstate(over='ignore'):
            values = np.array(values, dtype=np.float32)
        if not np.isfinite(values).all():
            step, column = np.argwhere(~np.isfinite(values))[0].tolist()
            raise MediaError(path, f'it holds NaN, infinity or what float32 cannot hold (step {step} of what is read, '
                             f'column {column}): repair the file')
        results['feature'] = values
        return results

    def _steps(self, results: dict, length: int, rate: float) -> slice:
        """Steps of the stretch, at least one."""
        start, stop = results.get('start_time') or 0., results.get('stop_time')
        first = round(start * rate)
        last = length if stop is None else max(round(stop * rate), first + 1)
        if first >= length:
            raise MediaError(results['array_path'], f'the segment from {start:g} s lies behind its end, '
                             f'{length / rate:.2f} s at {rate:g} steps per second: correct `start` and `stop` of this '
                             'row')
        if (last - length) / rate > TOLERANCE:
            self.shortened_segments += 1
            _note_shortened(results, results['array_path'], length / rate, self.shortened_segments)
        return slice(first, last)

    def __repr__(self) -> str:
        return f'LoadArray(channels={self.channels})'


def open_array(path: str) -> np.ndarray:
    """An array of numbers, not yet read.

    Raises:
        MediaError: If there is no such file, or it holds something else or nothing.
    """
    try:
        values = np.load(path, mmap_mode='r', allow_pickle=False)
    except FileNotFoundError as error:
        raise MediaError(path, 'there is no such file') from error
    except (OSError, EOFError, ValueError) as error:
        raise MediaError(path, f'it cannot be read as an array ({error}): write it with numpy.save') from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in 'fiub' or not values.ndim or not values.size:
        raise MediaError(path, 'it must hold one array of numbers, (steps, channels), with at least one: write it with '
                         'numpy.save')
    return values


def as_steps(path: str, values: np.ndarray, channels: int) -> np.ndarray:
    """An array as a sequence ``(L, channels)``, see :class:`LoadArray`.

    Raises:
        MediaError: If it has another width.
    """
    if values.ndim == 1:
        values = values[:, None] if channels == 1 else values[None]
    values = values.reshape(len(values), -1)
    if values.shape[1] != channels:
        raise MediaError(path, f'it has {values.shape[1]} numbers in each step, where {channels} are expected: all '
                         'files of a modality must have the same')
    return values
