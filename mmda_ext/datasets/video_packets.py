"""What the packets of a video stream tell without decoding them."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Type of an H.264 unit that belongs to a frame at which the decoder forgets all before it.
IDR = 5
Matrix = tuple[int, int, int, int]


class Stored(NamedTuple):
    """One stored frame.

    Args:
        pts (int | None): When it is shown, in units of the stream.
        duration (int): For how long, in the same units; 0: not told.
        key (bool): Whether the container marks it as a key frame.
        hidden (bool): Whether it is decoded for the sake of others alone and never shown.
        fresh (bool): False for a key frame behind which frames may refer to what is before it.
    """

    pts: int | None
    duration: int
    key: bool
    hidden: bool
    fresh: bool


def read_packets(container: 'InputContainer', stream: 'VideoStream') -> tuple[list[Stored], Matrix | None]:
    """Every stored frame in the order of storage, and the matrix of the first visible one."""
    stored, first = [], None
    for packet in container.demux(stream):
        # The last packet is empty; it makes the decoder give away what it still holds.
        if first is None:
            first = next(iter(packet.decode()), None)
        if packet.size:
            fresh = not packet.is_keyframe or starts_afresh(packet, stream.codec_context)
            stored.append(Stored(packet.pts, packet.duration or 0, packet.is_keyframe, packet.is_discard, fresh))
    return stored, None if first is None else _matrix_of(first)


def _matrix_of(frame: Any) -> Matrix | None:
    """Nearest turn by right angles, with or without a mirror, of the matrix that comes with a frame."""
    data = frame.side_data.get('DISPLAYMATRIX')
    if data is None:
        return None
    rows = np.frombuffer(bytes(data), dtype=np.int32).reshape(3, 3)
    (a, b), (c, d) = rows[:2, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        matrix = (1 if a >= 0 else -1, 0, 0, 1 if d >= 0 else -1)
    else:
        matrix = (0, 1 if b >= 0 else -1, 1 if c >= 0 else -1, 0)
    return None if matrix == (1, 0, 0, 1) else matrix


def starts_afresh(packet: Any, codec: Any) -> bool:
    """Whether a key frame is one at which an H.264 decoder forgets all before it (IDR); true for other codecs.

    Containers mark other intra frames as key frames, too, and a decoder that starts at one counts from a wrong place.
    """
    setup = codec.extradata or b''
    if codec.name != 'h264':
        return True
    if setup[:1] != b'\1':  # not the layout of mp4 and mkv, in which the length of each unit stands before it
        return False
    data, width, place = bytes(packet), (setup[4] & 3) + 1, 0
    while place + width < len(data):
        if data[place + width] & 31 == IDR:
            return True
        place += width + int.from_bytes(data[place:place + width], 'big')
    return False


def is_closed(stored: list[Stored]) -> bool:
    """Whether no frame refers back over a key frame (open GOP), so that none is shown before the one it follows."""
    if not all(row.fresh for row in stored):
        return False
    pts = np.array([row.pts for row in stored], dtype=np.float64)
    newest_key = np.maximum.accumulate(np.where([row.key for row in stored], pts, -np.inf))
    return bool((pts >= newest_key).all())
