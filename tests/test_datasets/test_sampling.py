"""Known answers of the sampling of frames, and the sound that belongs to them."""

from typing import Any

import numpy as np
import pytest

from mmda_ext.datasets import MediaError
from mmda_ext.datasets.transforms import AlignAudio, SampleAlignedClips
from mmda_ext.datasets.transforms.sampling import choose_offset, clip_indices

RGB = {'video': {'clip_len': 32, 'frame_interval': 2}}
FLOW = {'flow': {'clip_len': 8, 'frame_interval': 4}}
HAC = {'drop_last_frames': 1, 'index_shift': -1, 'follow': {'audio': {'reference': 'video', 'fps': 24.}}}


def sample(frames: int, start: int = 0, name: str = 'video', clips: dict = RGB, **options: Any) -> dict:
    results = {'sample_id': 's', 'modalities': {name: {'total_frames': frames, 'start_index': start}, 'audio': {}}}
    return SampleAlignedClips(clips, **options)(results)['modalities']


@pytest.mark.parametrize(('frames', 'start', 'expected'), [
    (105, 245, list(range(266, 329, 2))),
    (50, 0, [*range(0, 50, 2), *range(0, 13, 2)]),
    (63, 0, list(range(0, 63, 2))),
    (64, 0, list(range(0, 63, 2))),
    (77, 356, list(range(363, 426, 2))),
])
def test_known_answers_of_testing(frames: int, start: int, expected: list[int]) -> None:
    video = sample(frames, start, test_mode=True)['video']
    assert video['frame_inds'].tolist() == expected
    assert (video['clip_len'], video['frame_interval'], video['num_clips']) == (32, 2, 1)


def test_known_answer_of_flow() -> None:
    assert sample(52, 123, 'flow', FLOW, test_mode=True)['flow']['frame_inds'].tolist() == list(range(133, 162, 4))


@pytest.mark.parametrize(('frames', 'last'), [(64, 0), (63, 0), (65, 1), (70, 6)])
def test_training_offsets_cover_the_published_range(frames: int, last: int) -> None:
    np.random.seed(0)
    offsets = {int(sample(frames)['video']['frame_inds'][0]) for _ in range(200)}
    assert offsets == set(range(last + 1))


def test_the_draw_covers_its_range_and_no_more() -> None:
    assert [choose_offset(70, 64, draw) for draw in (0., .999999)] == [0, 6]
    assert choose_offset(20, 64, .9) == 0
    assert clip_indices(3, 4, 2, 1).tolist() == [1, 0, 2, 1]


def test_training_follows_the_seed() -> None:
    np.random.seed(3)
    once = sample(500)['video']['frame_inds']
    np.random.seed(3)
    np.testing.assert_array_equal(once, sample(500)['video']['frame_inds'])


def test_hac_reads_the_index_before_and_frame_zero_twice() -> None:
    """n = frames - 1 = 64: offset 0; the decoder reads index - 1, cut to the frames that exist."""
    modalities = sample(65, test_mode=True, **HAC)
    assert modalities['video']['frame_inds'].tolist() == [0, *range(1, 62, 2)]
    assert modalities['audio'] == {'start_time': 0., 'stop_time': 62 / 24}
    late = sample(201, test_mode=True, **HAC)
    assert late['video']['frame_inds'].tolist() == list(range(67, 130, 2))
    assert (late['audio']['start_time'], late['audio']['stop_time']) == (68 / 24, 130 / 24)


def test_hac_wrapping_can_leave_no_sound() -> None:
    """n = 62: the last index is 62 mod 62 = 0, as the first."""
    audio = sample(63, test_mode=True, **HAC)['audio']
    assert audio['start_time'] == audio['stop_time'] == 0
    assert sample(1, test_mode=True, **HAC)['video']['frame_inds'].tolist() == [0] * 32


@pytest.mark.parametrize(('draw', 'shift', 'expected'), [
    (0., 0, [100, 102, 104]), (0., -3, [100, 100, 101]), (.999, 0, [104, 106, 108]), (.999, 3, [107, 109, 109]),
])
def test_clips_at_both_ends_stay_inside(monkeypatch: pytest.MonkeyPatch, draw: float, shift: int,
                                        expected: list[int]) -> None:
    """Ten frames from 100 on: the earliest and the latest clip, and a shift over either end."""
    monkeypatch.setattr(np.random, 'rand', lambda: draw)
    clips = {'video': {'clip_len': 3, 'frame_interval': 2}}
    assert sample(10, 100, clips=clips, index_shift=shift)['video']['frame_inds'].tolist() == expected


def test_one_frame_is_a_clip() -> None:
    clips = {'video': {'clip_len': 3, 'frame_interval': 2}}
    for options in ({}, {'test_mode': True}, {'drop_last_frames': 1, 'index_shift': -1}, {'index_shift': 1}):
        assert sample(1, 7, clips=clips, **options)['video']['frame_inds'].tolist() == [7, 7, 7]


def test_following_uses_rate_and_start_of_the_video() -> None:
    video = {'total_frames': 64, 'start_index': 0, 'avg_fps': 50., 'time_offset': 3.}
    results = {'modalities': {'video': video, 'audio': {}}}
    rule = {'audio': {'reference': 'video'}}
    audio = SampleAlignedClips(RGB, test_mode=True, follow=rule)(results)['modalities']['audio']
    assert (audio['start_time'], audio['stop_time']) == (3., 3. + 62 / 50)


def test_the_annotated_length_limits_a_clip_file() -> None:
    results = {'modalities': {'video': {'total_frames': 80, 'segment_frames': 64, 'start_index': 0}}}
    assert SampleAlignedClips(RGB, test_mode=True)(results)['modalities']['video']['frame_inds'][0] == 0


def test_one_draw_or_one_for_each_modality() -> None:
    def offsets(same: bool) -> list[tuple[int, int]]:
        np.random.seed(0)
        found = []
        for _ in range(20):
            modalities = {'video': {'total_frames': 263}, 'flow': {'total_frames': 131}}
            out = SampleAlignedClips({**RGB, **FLOW}, same_moment=same)({'modalities': modalities})['modalities']
            found.append((int(out['video']['frame_inds'][0]), int(out['flow']['frame_inds'][0])))
        return found
    assert all(abs(video / 2 - flow) <= 1 for video, flow in offsets(True))
    assert any(abs(video / 2 - flow) > 5 for video, flow in offsets(False))


@pytest.mark.parametrize(('clips', 'options', 'message'), [
    ({'video': {'clip_len': 32}}, {}, 'frame_interval'),
    ({'video': {'clip_len': 0, 'frame_interval': 2}}, {}, 'at least 1'),
    (RGB, {'follow': {'audio': {'reference': 'flow'}}}, 'reference'),
])
def test_bad_options(clips: dict, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SampleAlignedClips(clips, **options)


def test_bad_samples_are_named() -> None:
    with pytest.raises(KeyError, match="needs modality 'flow', but sample 's' has"):
        SampleAlignedClips(FLOW)({'sample_id': 's', 'modalities': {'video': {}}})
    with pytest.raises(KeyError, match='OpenVideo'):
        SampleAlignedClips(RGB)({'sample_id': 's', 'modalities': {'video': {}}})
    with pytest.raises(MediaError, match='no frames'):
        sample(0)
    with pytest.raises(KeyError, match='fps'):
        sample(64, follow={'audio': {'reference': 'video'}})


def test_arguments_are_not_changed() -> None:
    clips, follow = {'video': {'clip_len': 4, 'frame_interval': 1}}, {'audio': {'reference': 'video', 'fps': 24.}}
    transform = SampleAlignedClips(clips, follow=follow)
    transform({'modalities': {'video': {'total_frames': 9, 'start_index': 0}, 'audio': {}}})
    assert clips == {'video': {'clip_len': 4, 'frame_interval': 1}}
    assert follow == {'audio': {'reference': 'video', 'fps': 24.}}


def test_align_audio_takes_the_stretch_of_the_frames() -> None:
    entry = {'frame_inds': np.array([12, 10, 58]), 'avg_fps': 30., 'time_offset': 1.}
    audio = AlignAudio()({'modalities': {'video': entry, 'audio': {}}})['modalities']['audio']
    assert audio == {'start_time': 1 + 10 / 30, 'stop_time': 1 + 59 / 30}
    audio = AlignAudio(fps=10.)({'modalities': {'video': entry, 'audio': {}}})['modalities']['audio']
    assert audio == {'start_time': 2., 'stop_time': 6.9}
    with pytest.raises(KeyError, match='frame_inds'):
        AlignAudio()({'modalities': {'video': {}, 'audio': {}}})
