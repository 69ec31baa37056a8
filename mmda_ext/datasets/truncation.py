"""How many bytes a media file lacks by its own account; decoders read what is there and keep silent about the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: A program that writes to a pipe cannot come back to fill in the size: it leaves one of these, or more.
PIPED = 0x7FFFF000
#: Writers that count their own header among the samples are wrong by less; no sample is lost.
SLACK = 64
#: Chunks that hold the samples or frames; a file cut behind them has lost nothing that is played.
PAYLOAD = (b'data', b'movi', b'AVIX', b'SSND', b'mdat')
SEGMENT = bytes.fromhex('18538067')


def missing_bytes(file: BinaryIO, size: int) -> int:
    """Bytes of samples or frames that the header promises and the file does not hold.

    Understands RIFF (wav, avi), RF64, Wave64, AIFF, AU, ISO base media (mp4, mov) and Matroska (mkv, webm). Decoders of
    compressed sound find a missing end themselves.

    Args:
        file (BinaryIO): The file, at its start.
        size (int): Its size in bytes.

    Returns:
        int: 0 if nothing is missing, the format is another, or the header does not tell, as after writing to a pipe.
    """
    head = file.read(12)
    if head[:4] in (b'RIFF', b'RF64', b'FORM'):
        end = _end_of_payload(_riff_chunks(file, size, 'big' if head[:4] == b'FORM' else 'little'))
    elif head[4:8] in (b'ftyp', b'moov', b'mdat', b'free', b'wide', b'skip'):
        end = _end_of_payload(_boxes(file, size))
    elif head[:4] == b'riff':
        end = _end_of_payload(_long_chunks(file, size))
    elif head[:4] == b'.snd':
        start, length = (int.from_bytes(head[place:place + 4], 'big') for place in (4, 8))
        end = 0 if length >= PIPED else start + length
    elif head[:4] == bytes.fromhex('1A45DFA3'):
        end = _end_of_segment(file, 4)
    else:
        return 0
    missing = end - size
    return missing if missing > SLACK else 0


def file_missing_bytes(path: str | Path) -> int:
    """:func:`missing_bytes` of a file on disk.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, 'rb') as file:
        return missing_bytes(file, Path(path).stat().st_size)


def _end_of_payload(chunks: Iterator[tuple[bytes, int]]) -> int:
    """Furthest end of a chunk of samples or frames."""
    return max((end for name, end in chunks if name in PAYLOAD), default=0)


def _riff_chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int]]:
    """Name and end of each chunk; a list goes by the name of what it lists."""
    position, long_size = 12, 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(20)
        name, length = head[:4], int.from_bytes(head[4:8], order)  # type: ignore[arg-type]
        if name == b'ds64':
            file.seek(position + 16)
            long_size = int.from_bytes(file.read(8), 'little')
        if name == b'data' and long_size:
            length = long_size
        elif length >= PIPED:
            return
        end = position + 8 + length
        yield (head[8:12] if name in (b'LIST', b'RIFF') else name), end
        position = end + length % 2


def _long_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each chunk of Wave64: 16 bytes of name, 8 of a size with them in it, padded to multiples of 8."""
    position = 40
    while position + 24 <= size:
        file.seek(position)
        head = file.read(24)
        length = int.from_bytes(head[16:], 'little')
        yield head[:4], position + length
        position += max(length + -length % 8, 24)


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each box at the top; size 0 means to the end of the file, whatever that is."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], 'big')
        if length == 1:
            length = int.from_bytes(head[8:16], 'big')
        if length < 8:
            return
        position += length
        yield head[4:8], position


def _end_of_segment(file: BinaryIO, position: int) -> int:
    """End of the segment behind the EBML header; all ones mean that the length is unknown."""
    start, length = _vint(file, position)
    place = start + length
    file.seek(place)
    if file.read(4) != SEGMENT:
        return 0
    body, length = _vint(file, place + 4)
    unknown = (1 << 7 * (body - place - 4)) - 1
    return 0 if length == unknown else body + length


def _vint(file: BinaryIO, position: int) -> tuple[int, int]:
    """Position behind an EBML number, and the number."""
    file.seek(position)
    first = file.read(1)
    if not first or not first[0]:
        return position + 1, 0
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    return position + width, int.from_bytes(bytes([first[0] & (0xFF >> width)]) + rest, 'big')
