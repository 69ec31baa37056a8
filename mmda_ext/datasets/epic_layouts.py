"""Where the files of an EPIC-Kitchens segment lie, and what the decoders must know about them.

Two packagings of the same segments are in use; they differ in paths only, so each is a table of functions from a
segment to the nested dict of one modality.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Frames per second of the RGB frames; a flow image lies between every second pair of them.
RGB_FPS = 60000 / 1001
FRAME_NAME = 'frame_{:010d}.jpg'


@dataclass(frozen=True)
class Segment:
    """One row of a split file.

    Args:
        domain (str): Name of the domain, D1, D2 or D3.
        split (str): ``'train'`` or ``'test'``.
        video_id (str): Video, such as P08_01.
        start_frame (int): First RGB frame.
        stop_frame (int): RGB frame after the last.
        start_time (float): Seconds from the start of the video.
        stop_time (float): Seconds from the start of the video.
        label (int): Verb class.
    """

    domain: str
    split: str
    video_id: str
    start_frame: int
    stop_frame: int
    start_time: float
    stop_time: float
    label: int

    @property
    def flow_start(self) -> int:
        """First flow image."""
        return math.ceil(self.start_frame / 2)

    @property
    def flow_frames(self) -> int:
        """Number of flow images."""
        return int((self.stop_frame - self.start_frame) / 2)

    @property
    def frames(self) -> int:
        """Number of RGB frames."""
        return self.stop_frame - self.start_frame


def _folder(root: str, kind: str, segment: Segment) -> Path:
    return Path(root) / kind / segment.split / segment.domain


def _audio(path: Path, segment: Segment) -> dict[str, Any]:
    return {'audio_path': str(path), 'start_time': segment.start_time, 'stop_time': segment.stop_time}


def frames_video(root: str, segment: Segment) -> dict[str, Any]:
    """Folder of numbered RGB frames."""
    return {
        'frame_dir': str(_folder(root, 'rgb', segment) / segment.video_id),
        'filename_tmpl': FRAME_NAME,
        'modality': 'RGB',
        'start_index': segment.start_frame,
        'total_frames': segment.frames,
        'avg_fps': RGB_FPS,
    }


def frames_flow(root: str, segment: Segment) -> dict[str, Any]:
    """Folders u and v of numbered grey images."""
    return {
        'frame_dir': str(_folder(root, 'flow', segment) / segment.video_id),
        'filename_tmpl': '{}/' + FRAME_NAME,
        'modality': 'Flow',
        'start_index': segment.flow_start,
        'total_frames': segment.flow_frames,
        'avg_fps': RGB_FPS / 2,
    }


def frames_audio(root: str, segment: Segment) -> dict[str, Any]:
    """Sound of the whole video, beside the folder of its frames."""
    return _audio(_folder(root, 'rgb', segment) / f'{segment.video_id}.wav', segment)


def clips_video(root: str, segment: Segment) -> dict[str, Any]:
    """One video file for each segment."""
    name = (f'{segment.domain}_{segment.video_id}_{segment.start_frame}_{segment.stop_frame}_{segment.label}.mp4')
    return {'filename': str(_folder(root, 'video', segment) / name), 'modality': 'RGB', 'start_index': 0,
                'segment_frames': segment.frames, 'time_offset': segment.start_time}


def clips_flow(root: str, segment: Segment) -> dict[str, Any]:
    """Two video files for each segment, one for each component."""
    start, stop = segment.flow_start, segment.flow_start + segment.flow_frames
    stem = f'{segment.domain}_{segment.video_id}_{start}_{stop}_{segment.label}'
    folder = _folder(root, 'flow', segment)
    return {'filenames': [str(folder / f'{stem}_{component}.mp4') for component in 'uv'], 'modality': 'Flow',
                'start_index': 0, 'segment_frames': segment.flow_frames, 'time_offset': segment.start_time}


def clips_audio(root: str, segment: Segment) -> dict[str, Any]:
    """Sound of the whole video."""
    return _audio(_folder(root, 'audio', segment) / f'{segment.video_id}.wav', segment)


LAYOUTS = {
    'frames': {'video': frames_video, 'flow': frames_flow, 'audio': frames_audio},
    'clips': {'video': clips_video, 'flow': clips_flow, 'audio': clips_audio},
}
