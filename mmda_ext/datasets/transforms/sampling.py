"""Choose the frames of each image modality, and the stretch of sound that belongs to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmda_ext.datasets.errors import MediaError
from mmda_ext.datasets.transforms.per_modality import get_modality
from mmda_ext.datasets.video_index import read_index
from mmda_ext.registry import TRANSFORMS


def choose_offset(num_frames: int, span: int, draw: float | None = None) -> int:
    """First frame of a clip that covers ``span`` frames.

    In training one of the ``num_frames - span + 1`` positions (at least one), in testing the middle.

    Args:
        num_frames (int): Frames to choose from.
        span (int): Frames that the clip covers, ``clip_len * frame_interval``.
        draw (float | None): Uniform number in [0, 1) for training; None for testing.

    Returns:
        int: The offset; 0 when the frames do not fill the span.
    """
    free = num_frames - span + 1
    if free <= 0:
        return 0
    return free // 2 if draw is None else int(draw * free)


def clip_indices(num_frames: int, clip_len: int, frame_interval: int, offset: int) -> np.ndarray:
    """Frames ``(offset + interval * i) mod num_frames``; short videos wrap around.

    Returns:
        np.ndarray: int64, shape ``(clip_len, )``.
    """
    return (offset + frame_interval * np.arange(clip_len)) % num_frames


@TRANSFORMS.register_module()
class SampleAlignedClips(BaseTransform):
    """Sample one clip of each image modality as published, and cut sound from the same stretch of time.

    Reads ``total_frames`` and ``start_index`` of each image modality (written by the data set for folders of frames, by
    ``mmda_ext.OpenVideo`` for files) and, if there, ``segment_frames``, the number of frames that the annotation gives.
    Writes ``frame_inds``, ``clip_len``, ``frame_interval`` and ``num_clips`` for the decoders, and ``start_time`` and
    ``stop_time`` of the modalities in ``follow``. The settings are those of Dong et al., *SimMMDG*, NeurIPS 2023.

    EPIC-Kitchens needs no ``follow``: its sound is the whole annotated segment, whose times the data set writes. HAC
    uses ``follow=dict(audio=dict(reference='video', fps=24.))``, ``drop_last_frames=1`` and ``index_shift=-1``.

    Args:
        clips (dict[str, dict]): Modality -> ``dict(clip_len=..., frame_interval=...)``.
        test_mode (bool): Take the middle instead of a random position.
        drop_last_frames (int): Frames at the end that are not sampled. Published HAC code: 1.
        index_shift (int): Added to the indices for decoding only, then cut to the frames that exist. Published HAC
            code: -1, so that frame 0 can occur twice.
        follow (dict[str, dict] | None): Modality -> ``dict(reference=image modality, fps=frames per second or None)``.
            Its sound starts at the first sampled index and stops at the last, before ``index_shift``, in seconds. When
            the indices wrap, the stretch can be empty; ``LoadAudio`` then gives silence, as published. ``fps=None``
            uses the times of the frames.
        same_moment (bool): Use one random number for all modalities. As published, each draws its own.
    """

    def __init__(self,
                 clips: Mapping[str, Mapping[str, int]],
                 test_mode: bool = False,
                 drop_last_frames: int = 0,
                 index_shift: int = 0,
                 follow: Mapping[str, Mapping[str, Any]] | None = None,
                 same_moment: bool = False) -> None:
        for name, clip in clips.items():
            if set(clip) != {'clip_len', 'frame_interval'} or min(clip.values()) < 1:
                raise ValueError(f'clips[{name!r}]={dict(clip)} must give clip_len and frame_interval, both at least 1')
        self.clips = {name: dict(clip) for name, clip in clips.items()}
        self.follow = {name: dict(rule) for name, rule in (follow or {}).items()}
        for name, rule in self.follow.items():
            if rule.get('reference') not in self.clips:
                raise ValueError(f'follow[{name!r}]={rule} must name as `reference` one of {list(self.clips)}')
        self.test_mode, self.same_moment = test_mode, same_moment
        self.drop_last_frames, self.index_shift = drop_last_frames, index_shift

    def transform(self, results: dict) -> dict:
        shared = np.random.rand() if self.same_moment and not self.test_mode else None
        sampled = {}
        for name in self.clips:
            entry = get_modality(results, name, 'SampleAlignedClips')
            sampled[name] = self._sample(name, entry, results, shared)
        for name, rule in self.follow.items():
            followed = get_modality(results, name, 'SampleAlignedClips')
            reference = results['modalities'][rule['reference']]
            inds = sampled[rule['reference']]
            for key, index in (('start_time', inds[0]), ('stop_time', inds[-1])):
                followed[key] = to_seconds(reference, index, rule.get('fps'))
        return results

    def _sample(self, name: str, entry: dict, results: dict, shared: float | None) -> np.ndarray:
        clip = self.clips[name]
        num_frames = self._num_frames(name, entry, results)
        draw = None
        if not self.test_mode:
            draw = np.random.rand() if shared is None else shared
        offset = choose_offset(num_frames, clip['clip_len'] * clip['frame_interval'], draw)
        start = entry.get('start_index', 0)
        inds = start + clip_indices(num_frames, clip['clip_len'], clip['frame_interval'], offset)
        shifted = np.clip(inds + self.index_shift, start, start + entry['total_frames'] - 1)
        entry.update(clip, num_clips=1, frame_inds=shifted)
        return inds

    def _num_frames(self, name: str, entry: dict, results: dict) -> int:
        if 'total_frames' not in entry:
            raise KeyError(f'SampleAlignedClips: {name!r} of sample {results.get("sample_id")!r} has no '
                           f'`total_frames`; a video file must be opened first, by a PerModality with '
                           f'{name}=[dict(type="mmda_ext.OpenVideo")]')
        available = min(entry['total_frames'], entry.get('segment_frames', entry['total_frames']))
        if available < 1:
            raise MediaError(str(entry.get('filename', entry.get('frame_dir'))), 'it has no frames')
        return max(available - self.drop_last_frames, 1)


def to_seconds(entry: dict, index: int, fps: float | None = None) -> float:
    """Time at which a frame appears, on the clock of the sound; the index after the last frame is the end of the video.

    Args:
        entry (dict): Nested dict of the images: ``frame_times`` (``mmda_ext.OpenVideo`` writes them; they are looked up
            in the file where another transform opened it), else ``avg_fps``; and, if second 0 of the images is not
            that of the sound, ``time_offset``.
        index (int): Index of a frame.
        fps (float | None): Frames per second, instead of the times of the frames.

    Returns:
        float: Seconds.

    Raises:
        KeyError: If neither times nor rate are known.
        MediaError: If a transform of MMAction2 opened the file and counts other frames than are visible.
    """
    offset = entry.get('time_offset', 0.)
    times = None if fps else _frame_times(entry)
    if times is not None:
        return offset + float(times[index])
    rate = fps or entry.get('avg_fps')
    if not rate:
        raise KeyError('the frame rate of the reference is unknown: open it with mmda_ext.OpenVideo, or set `fps`')
    return offset + float(index) / rate


def _frame_times(entry: dict) -> np.ndarray | None:
    """Times of the frames of a video file; None for folders of images, which have a rate alone."""
    path = entry.get('filename')
    if 'frame_times' not in entry and path and Path(path).is_file():
        index = read_index(path)
        if entry.get('total_frames', index.total_frames) != index.total_frames:
            raise MediaError(path, f'{entry["total_frames"]} frames were counted, but {index.total_frames} are visible '
                             '(the file was cut without encoding): open and decode it with mmda_ext.OpenVideo and '
                             'mmda_ext.DecodeVideo, or encode it again')
        entry['frame_times'] = index.times
    return entry.get('frame_times')


@TRANSFORMS.register_module()
class AlignAudio(BaseTransform):
    """Cut sound from the stretch that chosen frames cover, whatever chose them (MMAction2's ``SampleFrames``, ...).

    From the moment at which the first of them appears to the end of the last, by the times of the frames in the file;
    for folders of images ``start = min(frame_inds) / fps`` and ``stop = (max(frame_inds) + 1) / fps``. Needs no decoded
    frames, but must run after the sampling and before ``LoadAudio``.

    Args:
        reference (str): Image modality with ``frame_inds``.
        target (str): Modality to cut.
        fps (float | None): Frames per second, instead of the times of the frames.
    """

    def __init__(self, reference: str = 'video', target: str = 'audio', fps: float | None = None) -> None:
        self.reference, self.target, self.fps = reference, target, fps

    def transform(self, results: dict) -> dict:
        entry = get_modality(results, self.reference, 'AlignAudio')
        target = get_modality(results, self.target, 'AlignAudio')
        if 'frame_inds' not in entry:
            raise KeyError(f'AlignAudio: {self.reference!r} has no `frame_inds`: put it after the sampling of frames')
        inds = np.asarray(entry['frame_inds'])
        for key, index in (('start_time', inds.min()), ('stop_time', inds.max() + 1)):
            target[key] = to_seconds(entry, index, self.fps)
        return results
