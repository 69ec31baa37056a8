"""The demo data in HAC's layout: clips with a wav file beside each, lists of files and labels."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mmda_ext.datasets.synthetic.motion import motion_names, render_video
from mmda_ext.datasets.synthetic.sound import render_sound
from mmda_ext.datasets.synthetic.spec import DemoSpec
from mmda_ext.datasets.synthetic.writer import flow_images, write_text, write_video, write_wav


def clip_names(spec: DemoSpec, split: str) -> list[tuple[str, int]]:
    """Stem and label of each clip of a split; training clips come first in the numbering, as one series per class."""
    first = 0 if split == 'train' else spec.train_per_class
    count = spec.train_per_class if split == 'train' else spec.test_per_class
    names = motion_names(spec.classes)
    return [(f'{names[label]}_{first + i + 1:03d}', label) for i in range(count) for label in range(spec.classes)]


def write_clip(root: Path, spec: DemoSpec, domain: int, stem: str, label: int) -> None:
    """Write what is still missing of one clip: video, sound and, if asked for, flow."""
    folder, fps = root / spec.domains[domain], spec.fps
    video, audio = folder / 'videos' / f'{stem}.mp4', folder / 'audio' / f'{stem}.wav'
    flow = [folder / 'flow' / f'{stem}_flow_{axis}.mp4' for axis in 'xy'] if spec.flow else []
    if not audio.exists():
        rng = spec.rng(spec.domains[domain], stem, 'audio')
        write_wav(audio, render_sound(spec, domain, label, spec.frames / fps, rng), spec.sample_rate)
    if all(path.exists() for path in (video, *flow)):
        return
    frames = render_video(spec, domain, label, spec.rng(spec.domains[domain], stem, 'video'))
    write_video(video, frames, fps)
    for path, images in zip(flow, flow_images(frames) if flow else ()):
        write_video(path, images, fps)


def jobs(root: Path, spec: DemoSpec) -> Iterator[Callable[[], None]]:
    """One call per clip, in any order."""
    for domain in range(len(spec.domains)):
        for split in ('train', 'test'):
            for stem, label in clip_names(spec, split):
                yield partial(write_clip, root, spec, domain, stem, label)


def write_splits(root: Path, spec: DemoSpec) -> None:
    """Write ``splits/HAC_{train,test}_only_<domain>.csv``: no header, ``file,label``, CRLF."""
    for domain in spec.domains:
        for split in ('train', 'test'):
            lines = ''.join(f'{stem}.mp4,{label}\r\n' for stem, label in clip_names(spec, split))
            write_text(root / 'splits' / f'HAC_{split}_only_{domain}.csv', lines)
