"""Which frames of a video file are seen, and when: one account for all decoders."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.video_packets import Matrix, is_closed, read_packets
from mmda_ext.stack import installed

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: FFmpeg's AVFMT_TS_DISCONT: the clock of the format starts anywhere, and seeking in it is not exact (MPEG-TS).
FREE_CLOCK = 0x0200


@dataclass(frozen=True)
class VideoIndex:
    """The visible frames of a video file in the order of presentation; an index counts these and no other.

    Frames before and behind the edit list are not among them: a file cut by ``ffmpeg -ss 1.5 -c copy`` still holds the
    frames since the key frame before 1.5 s, because the decoder needs them, but a player shows them to nobody.

    Args:
        times (np.ndarray): Seconds at which each frame appears and, last, at which the last one ends; float64, shape
            ``(n + 1, )``. Second 0 is the start of the file's own sound, where extracted sound starts, too; without
            sound it is the zero of the container's clock.
        matrix (tuple | None): Signs ``(a, b, c, d)`` that put a stored pixel ``(x, y)`` upright at
            ``(a x + c y, b x + d y)``; None: the picture is stored upright.
        plain (bool): Each stored frame is visible, as it is, and none refers back over a key frame; then a decoder that
            counts stored frames and starts at key frames finds the same ones.
        zero (float | None): Second 0 on the container's clock; None: the container has no times, these are made up.
    """

    times: np.ndarray
    matrix: Matrix | None
    plain: bool
    zero: float | None = None

    @property
    def total_frames(self) -> int:
        """Number of visible frames."""
        return len(self.times) - 1

    @property
    def rate(self) -> float:
        """Visible frames per second, on average."""
        return float(self.total_frames / (self.times[-1] - self.times[0]))


def require_av() -> None:
    """Check that PyAV is there.

    Raises:
        ImportError: If it is not; the message says what to install.
    """
    if not installed('av'):
        raise ImportError('reading video files needs PyAV, which tells the visible frames, their times and which side '
                          'is up (decord does not): run `pip install av`')


def read_index(path: str, source: str | bytes | None = None) -> VideoIndex:
    """List the visible frames; all packets are read, but only the first frame is decoded.

    Where that does not tell (raw streams, some avi files, streams without their start), every frame is decoded once.

    Args:
        path (str): The file, also for messages.
        source (str | bytes | None): Its content, if not to be read from ``path``.

    Returns:
        VideoIndex: The visible frames.

    Raises:
        MediaError: If there is no picture in the file.
        ImportError: If PyAV is not installed.
    """
    require_av()
    with open_container(path if source is None else source) as container:
        stream = picture_stream(container, path)
        stored, matrix = read_packets(container, stream)
        zero, free = _clock_zero(container), _has_free_clock(container)
        shown = sorted((row for row in stored if not row.hidden), key=lambda row: row.pts or 0)
        unit, rate = float(stream.time_base or 1), float(stream.average_rate or stream.guessed_rate or 25)
        timeless, first = container.format.name == 'avi', stream.start_time or 0
    if not shown:
        raise MediaError(path, 'the video has no frames: copy or extract it again')
    pts = [row.pts for row in shown]
    # What is stored before the first key frame refers to frames that are lost; only the decoder knows what it can show.
    if len({*pts} - {None}) < len(pts) or not stored[0].key:
        return VideoIndex(_times_by_decoding(path, source, rate, zero), matrix, plain=False)
    starts = np.array(pts, dtype=np.float64) * unit - zero
    if timeless:  # FFmpeg makes times of the order, late by as many frames as are stored out of it
        starts += first * unit - zero - starts[0]
    times = np.append(starts, starts[-1] + _last_duration(starts, shown[-1].duration * unit, rate))
    plain = matrix is None and len(shown) == len(stored) and not free and is_closed(stored)
    return VideoIndex(times, matrix, plain, None if timeless else zero)


def open_container(source: str | bytes) -> 'InputContainer':
    """Open a file, or the content of one, with PyAV."""
    import av
    return av.open(io.BytesIO(source) if isinstance(source, bytes) else source, mode='r')


def picture_stream(container: 'InputContainer', path: str) -> 'VideoStream':
    """The moving picture, and not a cover, of which music and films may have some.

    Raises:
        MediaError: If the file has none.
    """
    stream: Any = container.streams.best('video')
    if stream is None:
        raise MediaError(path, 'it holds no moving picture: copy or extract it again')
    return stream


def _has_free_clock(container: 'InputContainer') -> bool:
    return bool(int(container.format.flags) & FREE_CLOCK)


def _clock_zero(container: 'InputContainer') -> float:
    """Seconds on the container's clock at which the sound starts."""
    sound = container.streams.best('audio')
    if sound is not None and sound.start_time is not None and sound.time_base:
        return float(sound.start_time * sound.time_base)
    return (container.start_time or 0) / 1e6 if _has_free_clock(container) else 0.


def _last_duration(starts: np.ndarray, told: float, rate: float) -> float:
    if told > 0:
        return told
    return float(np.median(np.diff(starts))) if len(starts) > 1 else 1 / rate


def _times_by_decoding(path: str, source: str | bytes | None, rate: float, zero: float) -> np.ndarray:
    """Times of the frames as the decoder gives them, or evenly by the frame rate."""
    with open_container(path if source is None else source) as container:
        times = [frame.time for frame in container.decode(picture_stream(container, path))]
    if not times:
        raise MediaError(path, 'the video has no frames: copy or extract it again')
    starts = np.array([np.nan if time is None else time for time in times]) - zero
    if not (np.diff(starts) > 0).all():
        starts = np.arange(len(times)) / rate
    starts = np.nan_to_num(starts)
    return np.append(starts, starts[-1] + _last_duration(starts, 0., rate))
