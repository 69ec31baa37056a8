"""A table of own recordings: a video with sound, sound, a folder of images, a sensor and words for each sample."""

import csv
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tests.test_datasets.media import write_wave

SITES = ('siteA', 'siteB', 'siteC')
ACTIONS = ('clap', 'wave')
RATE = 16000


def tone(label: int, seconds: float = 1., rate: int = RATE) -> np.ndarray:
    """A sweep, so that each moment sounds different; its height tells the class."""
    time = np.arange(round(seconds * rate)) / rate
    return (.3 * np.sin(2 * np.pi * (300 + 400 * label + 60 * time) * time)).astype(np.float32)


def write_clip(path: Path, label: int, sound: np.ndarray | None = None, count: int = 12, fps: int = 12,
               codec: str = 'aac', rate: int = RATE) -> Path:
    """A video of 32 x 32 whose brightness tells class and time, with a sound track of one channel or without."""
    import av
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        pictures = container.add_stream('libx264', rate=Fraction(fps), options={'crf': '12', 'g': '12'})
        pictures.height = pictures.width = 32
        pictures.pix_fmt = 'yuv420p'
        if sound is not None:
            speaker = container.add_stream(codec, rate=rate)
            speaker.layout = 'mono'
        for number in range(count):
            image = np.full((32, 32, 3), 20 + 100 * label + 5 * (number % 20), dtype=np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(pictures.encode())
        if sound is not None:
            for frame in _frames(sound, rate, 's16p' if codec == 'alac' else 'fltp'):
                container.mux(speaker.encode(frame))
            container.mux(speaker.encode())
    return path


def _frames(sound: np.ndarray, rate: int, form: str) -> Any:
    import av
    values = np.round(sound * 32768).astype(np.int16) if form == 's16p' else sound.astype(np.float32)
    for first in range(0, len(values), 1024):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values[None, first:first + 1024]), format=form,
                                           layout='mono')
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        yield frame


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_recordings(folder: Path, repeats: int = 4, name: str = 'own.csv') -> Path:
    """``repeats`` samples of two actions at three sites; sensors of 20 to 40 steps, which the site shifts."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(repeats * len(SITES) * len(ACTIONS)):
        label, site = number % 2, number // 2 % 3
        stem = f'{number:03d}'
        write_clip(folder / 'video' / f'{stem}.mp4', label)
        write_wave(folder / 'sound' / f'{stem}.wav', tone(label))
        steps = 20 + number % 3 * 10
        (folder / 'sensor').mkdir(exist_ok=True)
        np.save(folder / 'sensor' / f'{stem}.npy', rng.normal(size=(steps, 6)) + 3 * label + site * 5)
        rows.append(dict(video=f'video/{stem}.mp4', audio=f'sound/{stem}.wav', sensor=f'sensor/{stem}.npy',
                         text=f'we {ACTIONS[label]} {number}', label=ACTIONS[label], domain=SITES[site]))
    return write_table(folder / name, rows)
