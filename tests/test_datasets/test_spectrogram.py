"""Known answers of the spectrogram, and its augmentation."""

import numpy as np
import pytest

from mmda_ext.datasets.transforms import LogSpectrogram, MelSpectrogram, SpectrogramAugment
from mmda_ext.datasets.transforms.spectrogram import fix_length

N = np.arange(160000)
SINE = .5 * np.sin(2 * np.pi * 1000 * N / 16000)
MIXED = ((7919 * N) % 1009) / 1009 * 1.6 - .8


def spectrogram(wave: np.ndarray, **options: float) -> np.ndarray:
    return LogSpectrogram(**options)({'audios': wave, 'sample_rate': 16000})['audios']


@pytest.mark.parametrize(('wave', 'mean', 'deviation', 'logs', 'normalised'), [
    (SINE, -15.815206, 1.301480, {(32, 0): -5.618597, (31, 0): -9.590044, (33, 0): -9.589814, (128, 0): -16.118096},
     {(32, 0): 7.834625, (128, 500): -.232727}),
    (MIXED, -13.454666, 1.794595, {(10, 3): -14.342887, (200, 900): -11.615123},
     {(10, 3): -.494942, (0, 0): -1.474083, (256, 1003): -.431419}),
    (MIXED[:30000], -13.448902, 1.793419, {}, {(5, 700): -1.124422}),
])
def test_known_answers(wave: np.ndarray, mean: float, deviation: float, logs: dict, normalised: dict) -> None:
    found = spectrogram(wave)
    assert found.shape == (1, 257, 1004)
    assert found.dtype == np.float32
    for place, value in normalised.items():
        assert found[0][place] == pytest.approx(value, abs=2e-6)
    # Mean and deviation are what turns the log values into the normalised ones.
    for place, value in logs.items():
        assert found[0][place] * deviation + mean == pytest.approx(value, abs=1e-5)
    assert np.unravel_index(spectrogram(SINE)[0].argmax(), (257, 1004))[0] == 32


def test_silence_stays_near_zero() -> None:
    assert np.abs(spectrogram(np.zeros(1600, dtype=np.float32))).max() < 1e-5


def test_a_silent_input_stays_finite_all_the_way() -> None:
    """LoadAudio gives silence for an empty stretch; a constant map has no deviation to divide by."""
    found = LogSpectrogram(2.)({'audios': np.zeros(32000, dtype=np.float32), 'sample_rate': 16000})['audios']
    assert (found.dtype, found.shape) == (np.float32, (1, 257, 199))
    assert np.abs(found).max() < 1e-5
    noisy = SpectrogramAugment()({'audios': found})['audios']
    assert 0 < np.abs(noisy).max() <= .05 + 2e-5


def test_the_noise_is_symmetric_and_uniform() -> None:
    """600 000 draws: the mean of U(-.05, .05) is known to 4e-5, its deviation .05 / sqrt(3) to 2e-5."""
    np.random.seed(0)
    noise = SpectrogramAugment(band_rows=0)({'audios': np.zeros((1, 600, 1000), dtype=np.float32)})['audios']
    assert abs(noise.mean()) < 2e-4
    assert noise.std() == pytest.approx(.05 / 3**.5, abs=1e-4)
    assert (noise.min(), noise.max()) == (pytest.approx(-.05, abs=1e-5), pytest.approx(.05, abs=1e-5))


def test_long_sound_is_cut_short_sound_repeated_and_loud_sound_clipped() -> None:
    np.testing.assert_array_equal(spectrogram(np.concatenate([MIXED, SINE])), spectrogram(MIXED))
    np.testing.assert_array_equal(spectrogram(MIXED[:30000]), spectrogram(np.tile(MIXED[:30000], 10)[:160000]))
    np.testing.assert_array_equal(spectrogram(np.sign(SINE) * 3), spectrogram(np.sign(SINE)))
    np.testing.assert_array_equal(fix_length(np.arange(3), 7), [0, 1, 2, 0, 1, 2, 0])
    with pytest.raises(ValueError, match='no samples'):
        fix_length(np.zeros(0), 7)


def test_other_sizes() -> None:
    assert spectrogram(MIXED, num_seconds=2., nperseg=256, noverlap=96).shape == (1, 129, 199)
    with pytest.raises(ValueError, match='noverlap=512'):
        LogSpectrogram(noverlap=512)


def test_augmentation_adds_bounded_noise_and_blanks_one_band() -> None:
    np.random.seed(0)
    starts = set()
    clean = np.full((1, 257, 4), 2., dtype=np.float32)
    for _ in range(300):
        noisy = SpectrogramAugment()({'audios': clean})['audios']
        blank = np.flatnonzero((noisy[0] == 0).all(axis=1))
        assert len(blank) == 9
        assert blank[-1] - blank[0] == 8
        starts.add(int(blank[0]))
        kept = np.delete(noisy[0], blank, axis=0)
        assert 0 < np.abs(kept - 2).max() <= .05 + 1e-6
        assert noisy.dtype == np.float32
    assert min(starts) >= 0
    assert max(starts) <= 246
    assert (clean == 2).all()


def test_the_last_position_of_the_band_is_never_drawn() -> None:
    np.random.seed(0)
    small = np.ones((1, 12, 2), dtype=np.float32)
    starts = {int(np.flatnonzero((SpectrogramAugment(0., 9)({'audios': small})['audios'][0] == 0).all(1))[0])
              for _ in range(50)}
    assert starts == {0, 1}, '12 - 9 - 1 = 2 positions, as 257 rows give 0 to 246'
    assert (SpectrogramAugment(0., 0)({'audios': small})['audios'] == 1).all()
    with pytest.raises(ValueError, match='band_rows=12'):
        SpectrogramAugment(band_rows=12)({'audios': small})


@pytest.mark.slow
def test_mel_spectrogram() -> None:
    mel = MelSpectrogram(n_mels=40, num_seconds=2.)({'audios': SINE, 'sample_rate': 16000})['audios']
    assert mel.shape == (1, 40, 201)
    assert mel.mean() == pytest.approx(0, abs=1e-4)
    assert mel.std() == pytest.approx(1, abs=1e-4)
    silent = MelSpectrogram(n_mels=40)({'audios': np.zeros(1600, dtype=np.float32), 'sample_rate': 16000})['audios']
    assert np.abs(silent).max() < 1e-5, 'a constant map has no deviation to divide by'
