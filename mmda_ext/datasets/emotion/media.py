"""Sound and faces of the turns of one recording, written in the neutral form."""

import shutil
from dataclasses import asdict, dataclass, field
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mmda_ext.datasets.emotion.cropping import FaceCropper, frame_numbers, read_frames, spread
from mmda_ext.datasets.emotion.detectors import find_detector
from mmda_ext.datasets.emotion.records import Utterance
from mmda_ext.datasets.errors import MediaError, media_exceptions
from mmda_ext.datasets.synthetic.writer import atomically, write_image
from mmda_ext.datasets.truncation import file_missing_bytes
from mmda_ext.datasets.video_file import VideoFile

SAMPLE_RATE = 16000
#: A sound that never leaves this range is silent; the smallest step of 16 bits is 3e-5.
SILENCE = 1e-4
MODALITIES = ('speech', 'face', 'text')


@dataclass(frozen=True)
class MediaOptions:
    """What is written for an utterance.

    Args:
        modalities (tuple): Of ``MODALITIES``; an utterance that lacks one of them is skipped.
        frames (int): Pictures of a face at most, evenly spread; 0: every frame of the video.
        size (int): Side of a picture in pixels.
        detector (str): See ``find_detector``.
        margin (float): See ``FaceCropper``.
    """

    modalities: tuple[str, ...] = MODALITIES
    frames: int = 32
    size: int = 256
    detector: str = 'center'
    margin: float = 1.3

    def __post_init__(self) -> None:
        unknown = [name for name in self.modalities if name not in MODALITIES]
        if unknown or not self.modalities:
            raise ValueError(f'modalities={self.modalities!r} names {unknown}: there are {MODALITIES}')
        for name, least in (('frames', 0), ('size', 8), ('margin', 1.)):
            if getattr(self, name) < least:
                raise ValueError(f'{name}={getattr(self, name)!r} must be at least {least}')


@dataclass
class Outcome:
    """What became of an utterance: a line of the journal.

    ``missing`` says why it is skipped, ``notes`` what is odd about one that is kept; pairs of kind and detail.
    """

    id: str
    num_faces: int = 0
    missing: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def process_recording(turns: list[Utterance], out: Path, options: MediaOptions) -> list[Outcome]:
    """Write the media of the turns of one video.

    Args:
        turns (list[Utterance]): Turns with the same ``video_path``.
        out (Path): Folder of the neutral form.
        options (MediaOptions): What to write.

    Returns:
        list[Outcome]: One for each turn, in order.
    """
    outcomes = {item.id: Outcome(item.id) for item in turns}
    for item in turns:
        if 'text' in options.modalities:
            _check_text(item, outcomes[item.id])
        if 'speech' in options.modalities:
            _write_sound(item, out, outcomes[item.id])
    if 'face' in options.modalities:
        usable = [item for item in turns if not outcomes[item.id].missing]
        if usable:
            _write_faces(usable, out, options, outcomes)
    return list(outcomes.values())


def _check_text(item: Utterance, outcome: Outcome) -> None:
    if item.text is None:
        outcome.missing.append(('no transcript', ''))
    elif not item.text:
        outcome.notes.append(('empty transcript', 'kept with no words'))


def _write_sound(item: Utterance, out: Path, outcome: Outcome) -> None:
    if item.audio_path is None:
        outcome.missing.append(('no sound', ''))
        return
    target = out / 'wav' / f'{item.id}.wav'
    try:
        info = soundfile.info(item.audio_path)
        samples, rate = soundfile.read(item.audio_path, dtype='float32', always_2d=True)
        missing = file_missing_bytes(item.audio_path)
    except (OSError, soundfile.SoundFileError) as error:
        outcome.missing.append(('unreadable sound', f'{item.audio_path}: {error}'))
        return
    if missing:
        outcome.missing.append(('truncated sound', f'{item.audio_path}: {missing} bytes are missing'))
        return
    if not len(samples):
        outcome.missing.append(('empty sound', item.audio_path))
        return
    if not np.isfinite(samples).all():
        # As 16-bit numbers it would be crackle.
        outcome.missing.append(('sound with NaN or infinity', item.audio_path))
        return
    if np.abs(samples).max() < SILENCE:
        outcome.notes.append(('silent sound', 'kept'))
    if (rate, info.channels, info.subtype, info.format) == (SAMPLE_RATE, 1, 'PCM_16', 'WAV'):
        source = item.audio_path
        atomically(target, lambda name: shutil.copyfile(source, name))
    else:
        wave = to_mono_16k(samples, rate)
        atomically(target, lambda name: soundfile.write(name, wave, SAMPLE_RATE, subtype='PCM_16'))


def to_mono_16k(samples: np.ndarray, rate: int) -> np.ndarray:
    """Average the channels of ``(n, channels)`` and resample by a polyphase filter."""
    from scipy.signal import resample_poly
    wave = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        divisor = gcd(rate, SAMPLE_RATE)
        wave = resample_poly(wave, SAMPLE_RATE // divisor, rate // divisor)
    return np.clip(wave, -1., 1.).astype(np.float32)


def _write_faces(turns: list[Utterance], out: Path, options: MediaOptions, outcomes: dict[str, Outcome]) -> None:
    path = turns[0].video_path
    try:
        if path is None:
            raise OSError('there is no video')
        video = VideoFile(path)
        _crop(turns, video, _frames_of(turns, video, options), out, options, outcomes)
    except media_exceptions(MediaError) as error:
        for item in turns:
            outcomes[item.id].missing.append(('no video' if path is None else 'unreadable video', str(error)))


def _frames_of(turns: list[Utterance], video: VideoFile, options: MediaOptions) -> dict[str, list[int]]:
    times = video.index.times
    spans = {item.id: frame_numbers(times, (item.start, times[-1] if item.end is None else item.end)) for item in turns}
    return {name: spread(first, last, options.frames) for name, (first, last) in spans.items()}


def _crop(turns: list[Utterance], video: VideoFile, frames: dict[str, list[int]], out: Path, options: MediaOptions,
          outcomes: dict[str, Outcome]) -> None:
    detector = find_detector(options.detector)
    croppers = {item.id: FaceCropper(detector, item.region, options.size, options.margin) for item in turns}
    users: dict[int, list[str]] = {}
    for name, numbers in frames.items():
        shutil.rmtree(out / 'faces' / f'.{name}', ignore_errors=True)
        for number in numbers:
            users.setdefault(number, []).append(name)
    for number, frame in read_frames(video, users.keys()):
        for name in users[number]:
            outcomes[name].num_faces += 1
            picture = croppers[name](frame)
            write_image(out / 'faces' / f'.{name}' / f'{outcomes[name].num_faces:04d}.jpg', picture, quality=95)
    for name, numbers in frames.items():
        _finish(outcomes[name], len(numbers), croppers[name].missed, out / 'faces')


def _finish(outcome: Outcome, wanted: int, missed: int, faces: Path) -> None:
    """Give the folder its name only now, so that half a folder is never taken for a whole one."""
    if not outcome.num_faces:
        outcome.missing.append(('no frames', 'the video ends before the turn starts'))
        return
    shutil.rmtree(faces / outcome.id, ignore_errors=True)
    (faces / f'.{outcome.id}').rename(faces / outcome.id)
    if outcome.num_faces < wanted:
        outcome.notes.append(('video ends early', f'{outcome.num_faces} of {wanted} frames'))
    if missed:
        kind = 'no face at all' if missed == outcome.num_faces else 'frames without a face'
        outcome.notes.append((kind, f'{missed} of {outcome.num_faces}, kept with the box before or the middle'))
