"""Reading of sound: stretches, formats, bad files."""

from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import MediaError
from mmda_ext.datasets.transforms import LoadAudio, PackMultimodalInputs, PerModality
from mmda_ext.datasets.transforms import audio as audio_module
from mmda_ext.datasets.transforms.audio import read_segment
from tests.test_datasets.media import ramp_wave, write_wave


def load(path: Path, start: float | None = None, stop: float | None = None, **options: object) -> np.ndarray:
    out = LoadAudio(**options)({'audio_path': str(path), 'start_time': start, 'stop_time': stop})
    assert out['sample_rate'] == options.get('sample_rate', 16000)
    assert out['audios'].dtype == np.float32
    return out['audios']


def test_a_stretch_is_cut_at_rounded_samples(tmp_path: Path) -> None:
    wave = ramp_wave(4.)
    path = write_wave(tmp_path / 'a.wav', wave)
    cut = load(path, 1.00003, 2.5)
    np.testing.assert_allclose(cut, wave[16000:40000], atol=1 / 32768)
    assert len(load(path)) == 64000
    assert len(load(path, 1.00004, 2.5)) == 23999, '16000.64 rounds up'


def test_only_the_stretch_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import soundfile
    path = write_wave(tmp_path / 'a.wav', ramp_wave(4.))
    counts = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, 'read',
                        lambda self, frames, **kwargs: counts.append(frames) or read(self, frames, **kwargs))
    read_segment(str(path), 1., 1.5)
    assert counts == [8000]


def test_stereo_is_averaged(tmp_path: Path) -> None:
    path = write_wave(tmp_path / 'a.wav', np.stack([np.full(1600, .5), np.full(1600, -.25)], axis=1))
    np.testing.assert_allclose(load(path), .125, atol=1e-4)


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    time = np.arange(8000) / 8000
    path = write_wave(tmp_path / 'a.wav', .5 * np.sin(2 * np.pi * 440 * time), 8000)
    wave = load(path)
    assert len(wave) == 16000
    assert np.abs(np.fft.rfft(wave)).argmax() == 440


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_sound_that_is_not_finite_is_a_bad_file(tmp_path: Path, bad: float) -> None:
    """A spectrogram is NaN all over for one NaN, and an infinity would be cut to 1 without a word."""
    import soundfile
    wave = ramp_wave(1.)
    wave[12000:12003] = bad
    soundfile.write(tmp_path / 'a.wav', wave, 16000, subtype='FLOAT')
    with pytest.raises(MediaError, match=rf'a\.wav: the sound holds {bad} \(3 of 16000 samples are not finite\)'):
        load(tmp_path / 'a.wav')
    np.testing.assert_array_equal(load(tmp_path / 'a.wav', 0., .5), wave[:8000])


def test_silence_is_sound(tmp_path: Path) -> None:
    transform = LoadAudio()
    path = write_wave(tmp_path / 'a.wav', np.zeros(1600))
    assert not transform({'audio_path': str(path)})['audios'].any()
    assert transform.empty_segments == 0


def test_past_the_end_is_clipped_and_an_empty_stretch_is_silence(tmp_path: Path) -> None:
    path = write_wave(tmp_path / 'a.wav', np.full(16000, .5))
    assert len(load(path, .75, 3.)) == 4000
    assert len(load(path, -1., .5)) == 8000
    transform = LoadAudio()
    for start, stop in ((2., 3.), (.5, .5), (.5, .25)):
        out = transform({'audio_path': str(path), 'start_time': start, 'stop_time': stop})
        assert out['audios'].shape == (160000, )
        assert not out['audios'].any()
        assert out['incomplete'] == 'empty'
    assert (transform.empty_segments, transform.shortened_segments) == (3, 0)
    assert len(load(path, 2., 3., empty_seconds=1.)) == 16000


@pytest.mark.parametrize(('start', 'stop', 'lacks'), [
    (.75, 3., '2.00'), (-1., .5, '1.00'), (None, 1.2, '0.20'), (.5, 1.09, None), (-.09, .5, None), (None, None, None),
    (0., 1., None),
])
def test_a_shortened_stretch_is_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 start: float | None, stop: float | None, lacks: str | None) -> None:
    told = []
    monkeypatch.setattr(audio_module, 'print_log', lambda message, **_: told.append(message))
    path = write_wave(tmp_path / 'a.wav', np.full(8000, .5), 8000)
    transform = LoadAudio(8000)
    for _ in range(2):
        out = transform({'audio_path': str(path), 'start_time': start, 'stop_time': stop, 'incomplete': 'of old'})
    assert out.get('incomplete') == ('shortened' if lacks else None)
    assert transform.shortened_segments == (2 if lacks else 0)
    assert transform.empty_segments == 0
    assert len(told) == (1 if lacks else 0)
    assert all(f'a.wav: the recording lacks {lacks} s of the stretch' in message for message in told)


def test_what_is_incomplete_stands_in_the_packed_sample(tmp_path: Path) -> None:
    """Workers cannot count for the run: each sample carries it to where batches are counted."""
    path = write_wave(tmp_path / 'a.wav', np.full(16000, .5))

    def packed(stop: float) -> dict:
        audio = {'audio_path': str(path), 'start_time': .5, 'stop_time': stop}
        sample = PerModality(audio=[{'type': 'mmda_ext.LoadAudio'}])({'modalities': {'audio': audio}})
        return PackMultimodalInputs()(sample)['data_samples'].metainfo

    assert [packed(stop).get('incomplete') for stop in (2., .25, .75)] == [
        {'audio': 'shortened'}, {'audio': 'empty'}, None]


@pytest.mark.parametrize(('content', 'message'), [(None, 'no such sound file'), (b'', 'cannot be read as sound'),
                                                  (b'RIFF not a wave', 'cannot be read as sound')])
def test_bad_files_are_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / 'bad.wav'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=message) as error:
        load(path)
    assert error.value.path == str(path)
    assert 'docs/data.md' in str(error.value)


def test_a_file_without_samples_and_a_truncated_file(tmp_path: Path) -> None:
    """What was cut off is never taken for silence; what is there can be read."""
    with pytest.raises(MediaError, match='no samples'):
        load(write_wave(tmp_path / 'none.wav', np.zeros(0)))
    path = write_wave(tmp_path / 'cut.wav', ramp_wave(1.))
    path.write_bytes(path.read_bytes()[:44 + 3200])
    assert len(load(path, 0., .1)) == 1600
    message = r'cut.wav: the sound file is truncated after 0.10 s, 28800 bytes .* promises are missing: copy'
    for start, stop in ((None, None), (.05, .2), (.5, .6), (0., 3.)):
        with pytest.raises(MediaError, match=message):
            load(path, start, stop)
    path.write_bytes(path.read_bytes()[:44])
    with pytest.raises(MediaError, match='truncated after 0.00 s'):
        load(path)


@pytest.mark.parametrize('size', [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_file_from_a_pipe_is_whole(tmp_path: Path, size: int) -> None:
    path = write_wave(tmp_path / 'piped.wav', ramp_wave(1.))
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = size.to_bytes(4, 'little')
    path.write_bytes(data)
    np.testing.assert_allclose(load(path), ramp_wave(1.), atol=1 / 32768)
