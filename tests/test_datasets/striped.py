"""Videos whose frames tell their number by eight stripes, in the ways of storing that trouble decoders."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

HEIGHT, WIDTH, CORNER = 48, 64, 16


def striped(number: int) -> np.ndarray:
    """Frame ``(48, 64, 3)``: below, eight stripes, the bits of the number, lowest first; above left, a light corner."""
    image = np.full((HEIGHT, WIDTH, 3), 20, dtype=np.uint8)
    bits = [number >> bit & 1 for bit in range(8)]
    image[CORNER:] = np.repeat(np.array(bits, dtype=np.uint8) * 200 + 20, WIDTH // 8)[None, :, None]
    image[:CORNER, :CORNER] = 220
    return image


def number_of(image: np.ndarray) -> int:
    """Number of an upright frame."""
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image[2:CORNER - 2, 2:CORNER - 2].min() > 120, 'the light corner is above left'
    step = WIDTH // 8
    return sum(int(image[CORNER + 4:, bit * step + 2:(bit + 1) * step - 2].mean() > 120) << bit for bit in range(8))


def write_striped(path: Path, moments: Sequence[int], rate: int = 24, sound: tuple[float, float] | None = None,
                  codec: str = 'libx264', **options: str) -> Path:
    """Write frames 0, 1, ... that appear at ``moments`` (in 1 / rate s), with key frames every 12.

    Args:
        path (Path): The file; its ending says the container.
        moments (Sequence[int]): When each frame appears.
        rate (int): Units of ``moments`` in a second.
        sound (tuple | None): Start and stop, in seconds, of silence at 16 kHz.
        codec (str): Of the frames.
        **options (str): Of the codec.
    """
    import av
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options={'g': '12', **options})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, 'yuv420p'
        if sound:
            speaker = container.add_stream('pcm_s16le' if path.suffix == '.mkv' else 'aac', rate=16000)
            speaker.layout = 'mono'
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_ndarray(striped(number), format='rgb24')
            frame.pts, frame.time_base = moment, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for frame in _silence(*sound) if sound else []:
            container.mux(speaker.encode(frame))
        if sound:
            container.mux(speaker.encode())
    return path


def _silence(start: float, stop: float) -> Any:
    import av
    for first in range(round(start * 16000), round(stop * 16000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format='fltp', layout='mono')
        frame.sample_rate, frame.pts, frame.time_base = 16000, first, Fraction(1, 16000)
        yield frame


def copy_packets(source: Path, target: Path, start: float = 0., skip: int = 0, **options: str) -> Path:
    """What ``ffmpeg -ss start -i source -c copy target`` does: nothing is encoded, an edit list hides frames.

    With ``skip`` the first packets are lost, key frame or not.
    """
    import av
    with av.open(str(source)) as old, av.open(str(target), 'w', options=options) as new:
        copies = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        old.seek(int(start * 1e6))
        for count, packet in enumerate(old.demux()):
            if packet.size and count >= skip:
                shift = round(start / packet.time_base)
                packet.pts -= shift
                if packet.dts is not None:
                    packet.dts -= shift
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return target


def turn(source: Path, target: Path, matrix: Sequence[float]) -> Path:
    """Write ``(a, b, c, d)`` into the track header of an mp4 file; a phone held upright writes ``(0, 1, -1, 0)``."""
    data = bytearray(source.read_bytes())
    # Version 0: size and name, version, two times, track, reserved, duration, reserved, layer ... 40 bytes in all.
    place = data.find(b'tkhd') + 4 + 40
    assert struct.unpack_from('>9i', data, place) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    a, b, c, d = (round(65536 * value) for value in matrix)
    struct.pack_into('>9i', data, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(bytes(data))
    return target
