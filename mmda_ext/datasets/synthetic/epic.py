"""The demo data in EPIC-Kitchens' layout: frames and sound of whole videos, segments in split tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.datasets.synthetic.frame_pickle import dumps_split
from mmda_ext.datasets.synthetic.motion import render_video
from mmda_ext.datasets.synthetic.sound import render_sound
from mmda_ext.datasets.synthetic.spec import DemoSpec
from mmda_ext.datasets.synthetic.writer import flow_images, write_bytes, write_image, write_wav

PARTICIPANTS = ('P08', 'P01', 'P22')
VERBS = ('take', 'put', 'open', 'close', 'wash', 'cut', 'mix', 'pour')
SPLIT_FOLDER = 'MM-SADA_Domain_Adaptation_Splits'
#: Centiseconds in which nothing happens before each segment.
PAUSE = 15
VIDEOS_PER_SPLIT = 2


@dataclass(frozen=True)
class Segment:
    """One labelled stretch: times in centiseconds, as the published time stamps count them."""

    label: int
    start: int
    stop: int

    @property
    def frames(self) -> tuple[int, int]:
        """First and last frame: time times 60, rounded down, as in the published tables."""
        return self.start * 60 // 100, self.stop * 60 // 100


@dataclass(frozen=True)
class Video:
    """A video of several segments."""

    domain: int
    split: str
    name: str
    segments: tuple[Segment, ...]

    @property
    def last_frame(self) -> int:
        """Number of frames; files are counted from 1."""
        return (self.segments[-1].stop + PAUSE) * 60 // 100


def _video(spec: DemoSpec, domain: int, split: str, number: int, count: int) -> Video:
    name = f'{PARTICIPANTS[domain]}_{number:02d}'
    labels = spec.rng(name, 'order').permutation(np.tile(np.arange(spec.classes), count))
    length, clock, segments = ceil(spec.frames / 60 * 100), 0, []
    for label in labels:
        segments.append(Segment(int(label), clock + PAUSE, clock + PAUSE + length))
        clock += PAUSE + length
    return Video(domain, split, name, tuple(segments))


def videos(spec: DemoSpec) -> list[Video]:
    """All videos of the data set; test videos are numbered after the training videos of the same participant."""
    made = []
    for domain in range(len(spec.domains)):
        for first, split, count in ((1, 'train', spec.train_per_class), (11, 'test', spec.test_per_class)):
            shares = [len(part) for part in np.array_split(range(count), VIDEOS_PER_SPLIT) if len(part)]
            made += [_video(spec, domain, split, first + i, share) for i, share in enumerate(shares)]
    return made


def _pictures(spec: DemoSpec, video: Video) -> np.ndarray:
    """All frames of a video, ``(last_frame, H, W, 3)``; position 0 is frame 1."""
    parts, at = [], 1
    for number, segment in enumerate(video.segments):
        start, stop = segment.frames
        for label, length in ((None, start - at), (segment.label, stop + 1 - start)):
            rng = spec.rng(video.name, number, 'rest' if label is None else 'video')
            parts.append(render_video(replace(spec, frames=max(length, 32)), video.domain, label, rng)[:length])
        at = stop + 1
    frames = np.concatenate(parts)
    return np.concatenate([frames, np.repeat(frames[-1:], video.last_frame - len(frames), axis=0)])


def _sound(spec: DemoSpec, video: Video) -> np.ndarray:
    """Samples of a whole video: the noise of the place, then each segment's sound at its time."""
    rate = spec.sample_rate
    samples = render_sound(spec, video.domain, None, video.last_frame / 60, spec.rng(video.name, 'rest', 'audio'))
    for number, segment in enumerate(video.segments):
        rng, seconds = spec.rng(video.name, number, 'audio'), (segment.stop - segment.start) / 100
        part = render_sound(spec, video.domain, segment.label, seconds, rng)
        samples[segment.start * rate // 100 :][: len(part)] = part
    return samples


def write_episode(root: Path, spec: DemoSpec, video: Video) -> None:
    """Write one video's frames, sound and, if asked for, flow; the wav comes last and marks it finished."""
    place = Path(video.split) / spec.domains[video.domain] / video.name
    audio = root / 'rgb' / place.with_name(f'{video.name}.wav')
    if audio.exists():
        return
    frames = _pictures(spec, video)
    for number, frame in enumerate(frames, start=1):
        write_image(root / 'rgb' / place / f'frame_{number:010d}.jpg', frame)
    if spec.flow:
        # Flow has half the frame rate: flow frame j belongs to RGB frame 2j.
        for axis, images in zip('uv', flow_images(frames[1::2])):
            for number, image in enumerate(images, start=1):
                write_image(root / 'flow' / place / axis / f'frame_{number:010d}.jpg', image)
    write_wav(audio, _sound(spec, video), spec.sample_rate)


def jobs(root: Path, spec: DemoSpec) -> Iterator[Callable[[], None]]:
    """One call per video, in any order."""
    for video in videos(spec):
        yield partial(write_episode, root, spec, video)


def _stamp(centiseconds: int) -> str:
    seconds, rest = divmod(centiseconds, 100)
    return f'{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:02d}'


def _rows(video: Video, uid: int) -> list[dict[str, Any]]:
    participant = PARTICIPANTS[video.domain]
    return [
        {
            'uid': uid + i,
            'participant_id': participant,
            'video_id': video.name,
            'narration': f'{VERBS[segment.label]} shape',
            'start_timestamp': _stamp(segment.start),
            'stop_timestamp': _stamp(segment.stop),
            'start_frame': segment.frames[0],
            'stop_frame': segment.frames[1],
            'verb': VERBS[segment.label],
            'verb_class': segment.label,
        }
        for i, segment in enumerate(video.segments)
    ]


def write_splits(root: Path, spec: DemoSpec) -> None:
    """Write ``D{1,2,3}_{train,test}.pkl``."""
    tables: dict[str, list[dict[str, Any]]] = {}
    uid = 0
    for video in videos(spec):
        table = tables.setdefault(f'{spec.domains[video.domain]}_{video.split}', [])
        table += _rows(video, uid)
        uid += len(video.segments)
    for name, rows in tables.items():
        write_bytes(root / SPLIT_FOLDER / f'{name}.pkl', dumps_split(rows))
