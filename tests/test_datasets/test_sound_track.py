"""The sound track of a video is what was extracted from it."""

from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import MediaError
from mmda_ext.datasets.transforms import LoadAudio
from mmda_ext.datasets.transforms.audio import read_segment
from tests.test_datasets.media import write_wave
from tests.test_datasets.recordings import tone, write_clip

STRETCHES = [(None, None), (.25, .75), (2.6, 3.1), (3.5, 9.), (None, .1)]


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same sound of 4 s as wav, without loss in mp4 and in Matroska, with loss in mp4, and at 48 kHz."""
    folder = tmp_path_factory.mktemp('sound')
    wave = tone(0, 4.)
    write_wave(folder / 'a.wav', wave)
    write_clip(folder / 'exact.mp4', 0, wave, 48, codec='alac')
    write_clip(folder / 'exact.mkv', 0, wave, 48, codec='alac')
    write_clip(folder / 'lossy.mp4', 0, wave, 48)
    write_clip(folder / 'fast.mp4', 0, tone(0, 4., 48000), 48, codec='alac', rate=48000)
    write_clip(folder / 'silent.mp4', 0)
    return folder


@pytest.mark.parametrize('name', ['exact.mp4', 'exact.mkv'])
@pytest.mark.parametrize(('start', 'stop'), STRETCHES)
def test_a_track_has_the_samples_of_the_sound_file(place: Path, name: str, start: float | None,
                                                   stop: float | None) -> None:
    """From the start and, behind 2 s, after a jump; Matroska's times are too coarse for one."""
    wanted, rate = read_segment(str(place / 'a.wav'), start, stop)
    found, found_rate = read_segment(str(place / name), start, stop)
    assert rate == found_rate == 16000
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found, wanted, atol=1.5 / 32768)


@pytest.mark.parametrize(('start', 'stop'), STRETCHES[1:3])
def test_compressed_sound_lies_where_it_was(place: Path, start: float, stop: float) -> None:
    """AAC puts 1024 samples in front, which no player plays: a track read a frame late differs by 100 %."""
    wanted, _ = read_segment(str(place / 'a.wav'), start, stop)
    found, _ = read_segment(str(place / 'lossy.mp4'), start, stop)
    error = np.sqrt(np.mean((found - wanted)**2) / np.mean(wanted**2))
    assert error < .1
    assert np.sqrt(np.mean((found[20:] - wanted[:-20])**2) / np.mean(wanted**2)) > .5


def test_another_rate_is_resampled(place: Path) -> None:
    transform = LoadAudio()
    wanted = transform({'audio_path': str(place / 'a.wav'), 'start_time': .5, 'stop_time': 2.})['audios']
    out = transform({'audio_path': str(place / 'fast.mp4'), 'start_time': .5, 'stop_time': 2.})
    assert (out['sample_rate'], len(out['audios'])) == (16000, len(wanted))
    np.testing.assert_allclose(out['audios'][100:-100], wanted[100:-100], atol=2e-3)


def test_a_stretch_over_the_end_and_one_behind_it(place: Path) -> None:
    transform = LoadAudio(empty_seconds=1.)
    out = transform({'audio_path': str(place / 'exact.mp4'), 'start_time': 3., 'stop_time': 5.})
    assert (len(out['audios']), out['incomplete']) == (16000, 'shortened')
    out = transform({'audio_path': str(place / 'exact.mp4'), 'start_time': 7., 'stop_time': 8.})
    assert (len(out['audios']), out['incomplete']) == (16000, 'empty')


def test_what_has_no_sound_or_is_cut_is_named(place: Path) -> None:
    with pytest.raises(MediaError, match='silent.mp4: it has no sound track: name another file'):
        read_segment(str(place / 'silent.mp4'), None, None)
    cut = place / 'cut.mkv'
    whole = (place / 'exact.mkv').read_bytes()
    cut.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(MediaError, match=r'cut.mkv: the sound file is truncated after [12]\.\d\d s'):
        read_segment(str(cut), None, None)
    assert len(read_segment(str(cut), 0., .5)[0]) == 8000
    (place / 'rubbish.mp4').write_bytes(b'rubbish')
    with pytest.raises(MediaError, match=r'rubbish.mp4: it cannot be read as sound'):
        read_segment(str(place / 'rubbish.mp4'), None, None)
