"""PerModality and PackMultimodalInputs, with MMAction2's own pipelines."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample

from mmda_ext.datasets import MediaError
from mmda_ext.datasets.transforms import AlignAudio, PackMultimodalInputs, PerModality
from tests.test_datasets.media import make_frames, ramp_wave, write_video, write_wave

META = {'domain': 'D1', 'domain_label': 0, 'is_target': False, 'sample_id': 'D1/x'}
#: The training pipeline of mmaction2's slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb.py, with smaller images.
THEIR_PIPELINE = [
    {'type': 'DecordInit'}, {'type': 'SampleFrames', 'clip_len': 8, 'frame_interval': 2, 'num_clips': 1},
    {'type': 'DecordDecode'}, {'type': 'Resize', 'scale': (-1, 40)}, {'type': 'RandomResizedCrop'},
    {'type': 'Resize', 'scale': (32, 32), 'keep_ratio': False}, {'type': 'Flip', 'flip_ratio': .5},
    {'type': 'FormatShape', 'input_format': 'NCTHW'}, {'type': 'PackActionInputs'}
]


@pytest.fixture
def sample(tmp_path: Path) -> dict:
    video = write_video(tmp_path / 'a.mp4', make_frames(50), fps=25)
    audio = write_wave(tmp_path / 'a.wav', ramp_wave(2.))
    modalities = {
        'video': {'filename': str(video), 'modality': 'RGB', 'start_index': 0},
        'audio': {'audio_path': str(audio), 'start_time': None, 'stop_time': None}
    }
    return {'modalities': modalities, 'gt_label': 4, **META}


def test_mmaction2s_own_pipeline_and_sound_of_the_same_stretch(sample: dict) -> None:
    sample = PerModality(video=THEIR_PIPELINE)(sample)
    inds = sample['modalities']['video']['frame_inds']
    sample = AlignAudio()(sample)
    sample = PerModality(audio=[{'type': 'mmda_ext.LoadAudio'}])(sample)
    wave = sample['modalities']['audio']['audios']
    assert wave[0] == pytest.approx(inds.min() / 25 / 20, abs=1e-4)
    assert len(wave) == 16000 * 15 / 25
    packed = PackMultimodalInputs()(sample)
    assert list(packed['inputs']) == ['video', 'audio']
    assert packed['inputs']['video'].shape == (1, 3, 8, 32, 32)
    assert packed['inputs']['video'].dtype == torch.uint8
    assert packed['inputs']['audio'].dtype == torch.float32


def test_ten_views_keep_their_axis(sample: dict) -> None:
    steps = [dict(step) for step in THEIR_PIPELINE[:-1] if step['type'] not in ('Flip', 'RandomResizedCrop')]
    steps[1].update(num_clips=3, test_mode=True)
    packed = PackMultimodalInputs(['video'])(PerModality(video=steps)(sample))
    assert packed['inputs']['video'].shape == (3, 3, 8, 32, 32)


def test_the_packed_sample(sample: dict) -> None:
    face = {'feature': np.arange(3, dtype=np.float32)}
    sample['modalities'] = {'face': face, 'text': {'inputs': {'ids': torch.ones(2)}}}
    sample['note'] = 'n'
    packed = PackMultimodalInputs(['text', 'face'], meta_keys=['note'])(sample)
    assert list(packed['inputs']) == ['text', 'face']
    data = packed['data_samples']
    assert isinstance(data, ActionDataSample)
    assert data.gt_label.tolist() == [4]
    assert {key: data.get(key) for key in META} == META
    assert data.note == 'n'
    assert set(data.metainfo_keys()) == {*META, 'note'}
    del sample['gt_label']
    assert 'gt_label' not in PackMultimodalInputs()(sample)['data_samples']


def test_a_missing_modality_is_named(sample: dict) -> None:
    with pytest.raises(KeyError, match="needs modality 'flow', but sample 'D1/x' has"):
        PackMultimodalInputs(['flow'])(sample)
    with pytest.raises(KeyError, match="'flow'.*D1/x"):
        PerModality(flow=[])(sample)
    with pytest.raises(KeyError, match="modality 'video' of sample 'D1/x' has none of"):
        PackMultimodalInputs()(sample)
    sample['modalities'] = {'text': {'inputs': {'a': torch.ones(1), 'b': torch.ones(1)}}}
    with pytest.raises(KeyError, match='collect_keys'):
        PackMultimodalInputs()(sample)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named_with_its_sample(sample: dict, bad: float) -> None:
    feature = np.zeros((2, 3), dtype=np.float32)
    sample['modalities'] = {'ids': {'feature': np.arange(3)}, 'face': {'feature': feature}}
    PackMultimodalInputs()(sample)
    feature[1, 1] = bad
    message = r"modality 'face' of sample 'D1/x' holds NaN or infinity \(1 of 6 values\)"
    with pytest.raises(ValueError, match=message) as fault:
        PackMultimodalInputs()(sample)
    assert not isinstance(fault.value, MediaError)
    PackMultimodalInputs(['ids'])(sample)


def test_large_values_whose_sum_overflows_are_finite(sample: dict) -> None:
    feature = np.full((2, 3), 3e38, dtype=np.float32)
    sample['modalities'] = {'face': {'feature': feature}}
    assert PackMultimodalInputs()(sample)['inputs']['face'].tolist() == feature.tolist()
    feature[0, 0] = np.nan
    with pytest.raises(ValueError, match=r'\(1 of 6 values\)'):
        PackMultimodalInputs()(sample)


def test_bad_files_and_program_faults_are_told_apart(sample: dict, tmp_path: Path) -> None:
    def broken(entry: dict) -> dict:
        raise RuntimeError('a fault of the program')

    with pytest.raises(RuntimeError, match='fault of the program') as fault:
        PerModality(video=[broken])(sample)
    assert not isinstance(fault.value, MediaError)
    Path(sample['modalities']['video']['filename']).write_bytes(b'rubbish')
    with pytest.raises(MediaError, match=r"a\.mp4.*\[video of sample 'D1/x'\]"):
        PerModality(video=THEIR_PIPELINE)(sample)


def test_none_ends_the_sample(sample: dict) -> None:
    assert PerModality(video=[lambda entry: None, lambda entry: entry['x']])(sample) is None
    with pytest.raises(ValueError, match='at least one'):
        PerModality()
