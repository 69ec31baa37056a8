"""Read a stretch of a sound file, or of the sound track of a video."""

import logging
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmda_ext.datasets.errors import MediaError, media_exceptions
from mmda_ext.datasets.sound_track import CONTAINERS, read_track
from mmda_ext.datasets.truncation import file_missing_bytes
from mmda_ext.registry import TRANSFORMS

#: Sound and pictures of one recording seldom end together; seconds that a stretch may lack without being counted.
TOLERANCE = .1


@TRANSFORMS.register_module()
class LoadAudio(BaseTransform):
    """Read ``audio_path`` from ``start_time`` to ``stop_time`` (seconds; None: from the start, to the end).

    The file may be a video, of which the sound track is read. Only that stretch is read. Channels are averaged, another
    rate is resampled by librosa. Adds ``audios``, the float32 waveform in [-1, 1], shape ``(n, )``, and
    ``sample_rate``.

    A stretch that reaches over an end of the recording is cut to the recording, and an empty one becomes
    ``empty_seconds`` of silence. Neither passes unseen: the sample gets ``incomplete``, ``'shortened'`` (by more than
    0.1 s) or ``'empty'``, which ``PackMultimodalInputs`` hands on; each kind is logged once in each worker, and counted
    in ``shortened_segments`` and ``empty_segments``.

    Args:
        sample_rate (int): Samples per second of the result.
        empty_seconds (float): Length of the silence in place of an empty stretch.

    Raises:
        MediaError: If the file is missing, has no samples, lacks a part that is needed or is not a sound file.
    """

    def __init__(self, sample_rate: int = 16000, empty_seconds: float = 10.) -> None:
        self.sample_rate, self.empty_seconds = sample_rate, empty_seconds
        self.shortened_segments = self.empty_segments = 0

    def transform(self, results: dict) -> dict:
        path, start, stop = results['audio_path'], results.get('start_time'), results.get('stop_time')
        wave, rate = read_segment(path, start, stop)
        lacks = 0. if stop is None else stop - (start or 0.) - len(wave) / rate
        results.pop('incomplete', None)
        if not len(wave):
            self.empty_segments += 1
            self._note(results, 'empty', self.empty_segments, f'nothing lies between {start} s and {stop} s; '
                       f'{self.empty_seconds:g} s of silence stand in')
            wave, rate = np.zeros(round(self.empty_seconds * self.sample_rate), dtype=np.float32), self.sample_rate
        elif lacks > TOLERANCE:
            self.shortened_segments += 1
            self._note(results, 'shortened', self.shortened_segments, f'the recording lacks {lacks:.2f} s of the '
                       f'stretch from {start} s to {stop} s; the rest is used')
        if rate != self.sample_rate:
            wave = resample(wave, rate, self.sample_rate)
        results['audios'], results['sample_rate'] = wave, self.sample_rate
        return results

    @staticmethod
    def _note(results: dict, kind: str, count: int, message: str) -> None:
        results['incomplete'] = kind
        if count == 1:
            print_log(f'{results["audio_path"]}: {message} (logged once in each worker)', logger='current',
                      level=logging.WARNING)

    def __repr__(self) -> str:
        return f'LoadAudio(sample_rate={self.sample_rate}, empty_seconds={self.empty_seconds})'


def read_segment(path: str, start: float | None, stop: float | None) -> tuple[np.ndarray, int]:
    """Read a stretch of a sound file, or of the sound track of a video, averaged over channels.

    Args:
        path (str): The file; one of :data:`CONTAINERS` is read by PyAV, all others by libsndfile.
        start (float | None): Seconds; None: 0.
        stop (float | None): Seconds; None: the end.

    Returns:
        tuple[np.ndarray, int]: Samples ``round(start * rate)`` up to, without, ``round(stop * rate)`` as float32,
        perhaps none, and the rate of the file.

    Raises:
        MediaError: If the file is missing, has no samples, was cut off before the stretch ends or is no sound file.
    """
    if not Path(path).is_file():
        raise MediaError(path, 'there is no such sound file: check `data_root`, or extract the sound (docs/data.md)')
    read = read_track if Path(path).suffix.lower() in CONTAINERS else _read_sound
    try:
        missing = file_missing_bytes(path)
        samples, rate, length = read(path, start, stop)
    except media_exceptions() as error:
        raise MediaError(path, f'it cannot be read as sound ({error}): extract it again (docs/data.md)') from error
    # A decoder takes what is there for all there is.
    if missing and (stop is None or round(stop * rate) > length):
        raise MediaError(path, f'the sound file is truncated after {length / rate:.2f} s, {missing} bytes that its '
                         'header promises are missing: copy or extract it again (docs/data.md)')
    if not length:
        raise MediaError(path, 'the sound file has no samples: extract the sound again (docs/data.md)')
    first, last = (length if seconds is None else min(max(round(seconds * rate), 0), length)
                   for seconds in (start or 0., stop))
    if len(samples) < last - first:
        raise MediaError(path, 'the sound file is truncated: extract the sound again (docs/data.md)')
    return check_wave(path, samples.mean(axis=1)), rate


def _read_sound(path: str, start: float | None, stop: float | None) -> tuple[np.ndarray, int, int]:
    """As :func:`read_track`, of a file that libsndfile knows; only the stretch is read."""
    import soundfile
    with soundfile.SoundFile(path) as file:
        length, rate = file.frames, file.samplerate
        first = 0 if start is None else min(max(round(start * rate), 0), length)
        last = length if stop is None else min(round(stop * rate), length)
        file.seek(first)
        samples = file.read(max(last - first, 0), dtype='float32', always_2d=True)
    return samples, rate, length


def check_wave(path: str, wave: np.ndarray) -> np.ndarray:
    """The waveform ``(n, )``, if it is finite.

    Raises:
        MediaError: If it is not: files of float32 can hold NaN and infinity, and later steps would hide an infinity.
    """
    bad = np.flatnonzero(~np.isfinite(wave))
    if len(bad):
        raise MediaError(path, f'the sound holds {wave[bad[0]]} ({len(bad)} of {len(wave)} samples are not finite): '
                         'extract the sound again (docs/data.md)')
    return wave


def resample(wave: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Change the rate of a waveform with librosa; imported here, because that import alone takes seconds.

    Raises:
        ImportError: If librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise ImportError(f'sound at {rate} Hz must be resampled to {wanted} Hz: run `pip install librosa`, or convert '
                          'the files to 16 kHz mono (docs/data.md)') from error
    return librosa.resample(wave, orig_sr=rate, target_sr=wanted).astype(np.float32)
