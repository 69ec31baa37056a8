"""Read visible frames of a video file by their index, by decord where it finds the same ones, else by PyAV."""

import io
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from mmda_ext.datasets.errors import MediaError, media_exceptions
from mmda_ext.datasets.video_index import VideoIndex, open_container, picture_stream, read_index
from mmda_ext.datasets.video_packets import Matrix


class VideoFile:
    """Frames of a video, upright, by their position in :class:`~mmda_ext.datasets.video_index.VideoIndex`.

    Args:
        path (str): The file, also for messages.
        data (bytes | None): Its content, if not to be read from ``path``.
        backend (str): ``'decord'``: decord, where its count and its times of the frames are those of the index, else
            PyAV; ``'pyav'``: PyAV.
        num_threads (int): Threads of decord.
        index (VideoIndex | None): The visible frames, if they are known.

    Raises:
        MediaError: If there is no picture in the file.
        ImportError: If PyAV is not installed.
    """

    def __init__(self,
                 path: str,
                 data: bytes | None = None,
                 backend: str = 'pyav',
                 num_threads: int = 1,
                 index: VideoIndex | None = None) -> None:
        self.path, self.backend, self.num_threads = path, backend, num_threads
        self._source: str | bytes = path if data is None else data
        self.index = read_index(path, self._source) if index is None else index

    def read(self, wanted: Sequence[int]) -> list[np.ndarray]:
        """Frames ``(H, W, 3)`` in RGB, uint8; ``wanted`` ascends and repeats none.

        Raises:
            MediaError: If the file ends before the last of them.
        """
        frames = self._read_by_decord(wanted) if self.backend == 'decord' and self.index.plain else None
        if frames is None:
            found = dict(self.walk(wanted))
            frames = [found[position] for position in wanted]
        return frames

    def walk(self, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Positions and frames one after the other, by PyAV; the file is decoded from its start and never sought in.

        Raises:
            MediaError: If the file ends before the last of them.
        """
        last, chosen = max(wanted), set(wanted)
        with open_container(self._source) as container:
            for position, frame in enumerate(container.decode(picture_stream(container, self.path))):
                self._check_time(position, frame.time)
                if position in chosen:
                    yield position, upright(frame.to_ndarray(format='rgb24'), self.index.matrix)
                if position == last:
                    return
        raise MediaError(self.path, f'it ends before frame {last}, so it is truncated')

    def _check_time(self, position: int, seconds: float | None) -> None:
        """A decoder leaves out frames that it cannot read, and all later ones would be taken for others."""
        index = self.index
        if index.zero is None or seconds is None or position >= index.total_frames:
            return
        if abs(seconds - index.zero - index.times[position]) > 1e-6:
            raise MediaError(self.path, f'frame {position} cannot be decoded: the file is corrupt, copy or extract it '
                             'again')

    def _read_by_decord(self, wanted: Sequence[int]) -> list[np.ndarray] | None:
        """None where decord cannot read the file or counts other frames: what it cannot deliver is read by PyAV."""
        import decord
        source = io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source
        try:
            reader = decord.VideoReader(source, num_threads=self.num_threads)
            return list(reader.get_batch(wanted).asnumpy()) if self._counts_alike(reader) else None
        except media_exceptions(IndexError, RuntimeError):
            return None

    def _counts_alike(self, reader: Any) -> bool:
        times = self.index.times[:-1]
        if len(reader) != len(times):
            return False
        stamps = reader.get_frame_timestamp(np.arange(len(times)))[:, 0].astype(np.float64)
        # decord starts its clock at the first frame and tells it in float32.
        return np.allclose(stamps - stamps[0], times - times[0], rtol=1e-6, atol=1e-3)


def upright(image: np.ndarray, matrix: Matrix | None) -> np.ndarray:
    """Turn and mirror an image ``(H, W, 3)`` as :class:`VideoIndex` says; a quarter turn swaps height and width."""
    if matrix is None:
        return image
    a, b, c, d = matrix
    if a == 0:  # rows become columns
        image = image.swapaxes(0, 1)
    rows, columns = (b, c) if a == 0 else (d, a)
    return np.ascontiguousarray(image[::rows, ::columns])
