"""Files of the demo data: every one appears under its name only when it is complete."""

import importlib
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

try:
    import av
except ImportError:  # OpenCV's own encoder is the way out; see write_video
    av = None  # type: ignore[assignment]

# OpenCV's stubs lag behind its functions.
cv2: Any = importlib.import_module('cv2')

#: One thread, short groups of pictures, no B-frames: cheap exact seeking. A fixed quantiser without lookahead, because
#: with adaptive quantisation and lookahead x264's bytes differ now and then when two encoders run at the same time.
_X264 = {'preset': 'veryfast', 'qp': '22', 'rc-lookahead': '0', 'aq-mode': '0', 'threads': '1', 'g': '12', 'bf': '0'}


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write`` with a temporary name beside ``path``, then rename; keeps the suffix for encoders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{os.getpid()}{path.suffix}')
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as it is."""
    atomically(path, lambda name: name.write_bytes(data))


def write_text(path: Path, text: str) -> None:
    """Write a text file; line ends stay as they are in ``text``."""
    write_bytes(path, text.encode())


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write mono int16 samples as 16-bit PCM."""
    atomically(path, lambda name: soundfile.write(name, samples, rate, subtype='PCM_16'))


def write_image(path: Path, image: np.ndarray, quality: int = 90) -> None:
    """Write an RGB ``(H, W, 3)`` or grey ``(H, W)`` picture as JPEG."""
    pixels = image[..., ::-1] if image.ndim == 3 else image
    good, data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise OSError(f'{path}: OpenCV could not encode a picture of shape {image.shape}')
    write_bytes(path, data.tobytes())


def write_video(path: Path, frames: np.ndarray, fps: int) -> None:
    """Write RGB ``(T, H, W, 3)`` or grey ``(T, H, W)`` frames as an mp4 file (H.264; MPEG-4 without PyAV)."""
    if frames.ndim == 3:
        frames = np.repeat(frames[..., None], 3, axis=-1)
    encode = _encode_with_opencv if av is None else _encode_with_av
    atomically(path, lambda name: encode(name, np.ascontiguousarray(frames), fps))


def _encode_with_av(path: Path, frames: np.ndarray, fps: int) -> None:
    with av.open(str(path), 'w', format='mp4') as container:
        name = 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'
        stream = container.add_stream(name, rate=Fraction(fps), options=_X264 if name == 'libx264' else {'q': '3'})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())


def _encode_with_opencv(path: Path, frames: np.ndarray, fps: int) -> None:
    height, width = frames.shape[1:3]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, (width, height))
    if not video.isOpened():
        raise OSError(f'{path}: OpenCV cannot write mp4 here; install PyAV: pip install av')
    for frame in frames:
        video.write(frame[..., ::-1])
    video.release()


def flow_images(frames: np.ndarray, bound: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Optical flow between neighbouring frames as grey pictures.

    Args:
        frames (np.ndarray): RGB, uint8, ``(T, H, W, 3)``.
        bound (float): Displacement in pixels that is drawn as white; its negative is black, rest is 128.

    Returns:
        tuple[np.ndarray, np.ndarray]: Horizontal and vertical flow, uint8, ``(T - 1, H, W)`` each.
    """
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    pairs = zip(grey[:-1], grey[1:])
    flow = np.stack([cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 2, 9, 2, 5, 1.1, 0) for a, b in pairs])
    pixels = np.rint(np.clip(flow / bound, -1, 1) * 127 + 128).astype(np.uint8)
    return pixels[..., 0], pixels[..., 1]
