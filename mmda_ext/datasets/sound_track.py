"""Read a stretch of the sound track of a video, as it would be read from extracted sound."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.video_index import open_container
from mmda_ext.stack import installed

#: Files whose sound PyAV reads: containers of video, and sound that libsndfile does not know.
CONTAINERS = ('.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.mpg', '.mpeg', '.ts', '.wmv', '.flv', '.3gp', '.m4a',
              '.aac', '.wma')
#: Seconds decoded in front of a stretch: decoders of compressed sound need what went before.
RUN_UP = 1.


def read_track(path: str, start: float | None, stop: float | None) -> tuple[np.ndarray, int, int]:
    """Samples of a stretch; second 0 is the first sample of the track, as in ``ffmpeg -i a.mp4 a.wav``.

    Args:
        path (str): The file.
        start (float | None): Seconds; None: 0.
        stop (float | None): Seconds; None: the end.

    Returns:
        tuple: Samples ``round(start * rate)`` up to, without, ``round(stop * rate)``, float32, shape ``(n, channels)``,
        as far as they are there; the rate; and how many samples the track has, or at least the last one needed.

    Raises:
        MediaError: If there is no sound in the file.
        ImportError: If PyAV is not installed.
    """
    if not installed('av'):
        raise ImportError('reading the sound of a video needs PyAV: run `pip install av`, or extract the sound to .wav')
    for jump in (True, False):
        with open_container(path) as container:
            stream: Any = container.streams.best('audio')
            if stream is None:
                raise MediaError(path, 'it has no sound track: name another file, or leave this modality out')
            rate = stream.codec_context.sample_rate
            first = max(round((start or 0.) * rate), 0)
            last = None if stop is None else round(stop * rate)
            # Matroska and others tell times in milliseconds, by which a sample is not found again.
            jump = jump and first > 2 * RUN_UP * rate and stream.time_base * rate <= 1
            if jump:
                container.seek(round((first / rate - RUN_UP + _zero(stream)) / stream.time_base), stream=stream)
            found = _collect(_blocks(container, stream, jump), first, last)
        if found is not None:
            return found[0], rate, found[1]
    return np.zeros((0, 1), dtype=np.float32), rate, 0


def _zero(stream: Any) -> float:
    """Seconds on the clock of the container at which the track starts."""
    return float((stream.start_time or 0) * stream.time_base)


def _blocks(container: Any, stream: Any, jumped: bool) -> Iterator[tuple[int | None, np.ndarray]]:
    """Number of the first sample and samples ``(n, channels)`` of each decoded frame.

    From the start, samples are counted; after a jump the first frame's time says where its samples are.
    """
    import av
    to_float, position = av.AudioResampler(format='fltp'), None if jumped else 0
    for frame in container.decode(stream):
        if position is None and frame.time is not None:
            position = round((frame.time - _zero(stream)) * frame.sample_rate)
        for part in to_float.resample(frame):
            block = part.to_ndarray().T
            yield position, block
            position = None if position is None else position + len(block)


def _collect(blocks: Iterator[tuple[int | None, np.ndarray]], first: int,
             last: int | None) -> tuple[np.ndarray, int] | None:
    """Samples ``first`` to ``last``, and where the search ended; None if nothing was found in front of the first."""
    kept: list[np.ndarray] = []
    end = 0
    for position, block in blocks:
        if position is None or (not end and position > first):
            return None
        end = position + len(block)
        kept.append(block[max(first - position, 0):None if last is None else max(last - position, 0)])
        if last is not None and end >= last:
            break
    return (np.concatenate(kept), end) if kept else None
