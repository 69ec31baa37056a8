"""Corruption of the target: measured ratios, exact counts, the same bytes in every epoch and process."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from mmda_ext.datasets.emotion.corruption import add_noise, linear_snr, mask_words, sample_rng
from mmda_ext.datasets.transforms import CorruptFaces, CorruptSpeech, CorruptText
from tests.conftest import ROOT

RNG = np.random.default_rng(0)
WAVE = RNG.standard_normal(16000).astype(np.float32) * .1
FACES = RNG.random((4, 3, 20, 24), dtype=np.float32)
WORDS = ' '.join(f'w{number}' for number in range(10))


def sample(is_target: bool = True, name: str = 'a', **entries: Any) -> dict[str, Any]:
    return {'modalities': entries, 'is_target': is_target, 'domain': 'target', 'sample_id': f'target/{name}'}


def power(values: np.ndarray, axis: Any = None) -> Any:
    return np.square(values.astype(np.float64)).mean(axis=axis)


@pytest.mark.parametrize(('snr', 'unit', 'ratio'), [
    (1., 'linear', 1.), (1., 'db', 1.258925), (.5, 'db', 1.122018), (4., 'linear', 4.), (-10., 'db', .1)])
def test_speech_has_the_ratio_exactly(snr: float, unit: str, ratio: float) -> None:
    noisy = CorruptSpeech(snr=snr, snr_unit=unit)(sample(speech={'audios': WAVE}))['modalities']['speech']['audios']
    noise = noisy.astype(np.float64) - WAVE
    assert power(WAVE) / power(noise) == pytest.approx(ratio, rel=1e-6)
    assert noisy.dtype == np.float32
    assert abs(np.corrcoef(noise, WAVE)[0, 1]) < .03, 'the noise does not depend on the signal'
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < .03, 'it is white'
    assert abs(((noise / noise.std())**4).mean() - 3) < .2, 'it is Gaussian'


def test_silence_stays_and_clipping_is_a_choice() -> None:
    silent = sample(speech={'audios': np.zeros(100, np.float32)})
    assert not CorruptSpeech()(silent)['modalities']['speech']['audios'].any()
    loud = {'audios': WAVE * 10}
    assert np.abs(CorruptSpeech()(sample(speech=loud))['modalities']['speech']['audios']).max() > 1
    assert np.abs(CorruptSpeech(clip=True)(sample(speech=loud))['modalities']['speech']['audios']).max() == 1


def test_faces_are_darkened_and_each_frame_has_the_ratio() -> None:
    dark = CorruptFaces()(sample(face={'imgs': FACES}))['modalities']['face']['imgs']
    expected = FACES.astype(np.float64) * .2
    noise = dark - expected
    assert power(expected, (1, 2, 3)) / power(noise, (1, 2, 3)) == pytest.approx(np.full(4, .5), rel=1e-5)
    # The mean of the noise, not of the picture, is what is left of chance.
    assert (dark.astype(np.float64) - noise).mean() / FACES.mean(dtype=np.float64) == pytest.approx(.2, rel=1e-6)
    assert not np.allclose(noise[0], noise[1])
    quiet = CorruptFaces(level=1e12)(sample(face={'imgs': FACES}))['modalities']['face']['imgs']
    assert quiet.mean() / FACES.mean() == pytest.approx(.2, rel=1e-5)


def test_noise_of_a_deviation_after_normalisation() -> None:
    grey = np.full((8, 3, 40, 40), .5, np.float32)
    dark = CorruptFaces(noise='std', level=.5)(sample(face={'imgs': grey}))['modalities']['face']['imgs']
    assert (dark - .1).std(axis=(0, 2, 3)) / [.229, .224, .225] == pytest.approx([.5] * 3, rel=.03)
    # A mid-grey picture: sigma 0.14 with noise='snr', as the paper's number would have it.
    other = CorruptFaces()(sample(face={'imgs': grey}))['modalities']['face']['imgs']
    assert (other - .1).std() == pytest.approx(.1 / np.sqrt(.5), rel=.03)


def test_pictures_in_bytes_stay_in_bytes() -> None:
    pictures = (FACES * 255).astype(np.uint8)
    dark = CorruptFaces(level=1e12)(sample(face={'imgs': pictures}))['modalities']['face']['imgs']
    assert dark.dtype == np.uint8
    assert np.abs(dark.astype(float) - pictures * .2).max() <= .5 + 1e-3
    clipped = CorruptFaces(clip=True)(sample(face={'imgs': FACES}))['modalities']['face']['imgs']
    assert (clipped.min(), clipped.max() <= 1) == (0, True)


def masked(text: str, **options: Any) -> str:
    return CorruptText(**options)(sample(text={'text': text}))['modalities']['text']['text']


@pytest.mark.parametrize(('count', 'masks'), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (10, 4), (13, 5)])
def test_number_of_masked_words_is_exact(count: int, masks: int) -> None:
    words = [f'w{number}' for number in range(count)]
    found = masked(' '.join(words)).split()
    assert found.count('MASK') == masks
    assert all(new in ('MASK', old) for new, old in zip(found, words))


def test_half_is_rounded_to_even_and_the_token_is_a_choice() -> None:
    assert masked('a b c d e', fraction=.5).split().count('MASK') == 2
    assert masked('a b c d e f g', fraction=.5, token='[MASK]').split().count('[MASK]') == 4
    assert masked('') == ''
    assert masked('one  ') == 'one  '


def test_every_word_is_masked_as_often() -> None:
    corrupt, counts = CorruptText(), np.zeros(10)
    for number in range(1000):
        words = corrupt(sample(name=str(number), text={'text': WORDS}))['modalities']['text']['text'].split()
        counts += [word == 'MASK' for word in words]
    assert counts.sum() == 4000
    assert counts / 1000 == pytest.approx([.4] * 10, abs=.06)


def test_bernoulli_masks_each_word_by_itself() -> None:
    counts = [mask_words(WORDS, .4, sample_rng(0, str(n)), exact=False).split().count('MASK') for n in range(2000)]
    assert np.mean(counts) == pytest.approx(4, abs=.15)
    assert np.var(counts) == pytest.approx(10 * .4 * .6, rel=.15)


ALL = (CorruptSpeech(), CorruptFaces(), CorruptText())


def corrupted(is_target: bool = True, name: str = 'a', transforms: Any = ALL) -> tuple[bytes, bytes, str]:
    results = sample(is_target, name, speech={'audios': WAVE.copy()}, face={'imgs': FACES.copy()}, text={'text': WORDS})
    for transform in transforms:
        results = transform(results)
    entries = results['modalities']
    return entries['speech']['audios'].tobytes(), entries['face']['imgs'].tobytes(), entries['text']['text']


def test_a_source_sample_is_untouched() -> None:
    assert corrupted(is_target=False) == (WAVE.tobytes(), FACES.tobytes(), WORDS)


def test_a_target_sample_is_always_the_same_and_no_two_are_alike() -> None:
    np.random.seed(1)
    first = corrupted()
    corrupted(name='b')
    np.random.seed(2)
    assert corrupted() == first, 'neither order nor the global state matters'
    assert all(one != two for one, two in zip(first, corrupted(name='b')))
    other = corrupted(transforms=(CorruptSpeech(seed=1), CorruptFaces(seed=1), CorruptText(seed=1)))
    assert all(one != two for one, two in zip(first, other))


def test_input_arrays_are_not_changed() -> None:
    wave = WAVE.copy()
    entry = {'audios': wave}
    CorruptSpeech()(sample(speech=entry))
    assert np.array_equal(wave, WAVE)
    assert entry['audios'] is wave


def test_another_process_draws_the_same() -> None:
    code = ('from mmda_ext.datasets.emotion.corruption import sample_rng; '
            'print(sample_rng(7, "target", "target/x", "face").standard_normal(3).tolist())')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sample_rng(7, 'target', 'target/x', 'face').standard_normal(3).tolist())
    assert sample_rng(1, 'a', 'bc').random() != sample_rng(1, 'ab', 'c').random()


def test_a_modality_that_is_missing() -> None:
    assert CorruptSpeech()(sample(speech={}))['modalities'] == {'speech': {}}
    with pytest.raises(KeyError, match="needs modality 'speech'"):
        CorruptSpeech()(sample(face={}))
    with pytest.raises(KeyError, match="has no 'imgs'.*after the step that loads it"):
        CorruptFaces()(sample(face={'face_files': []}))


def test_options_are_checked() -> None:
    for build in (lambda: CorruptSpeech(snr_unit='bel'), lambda: CorruptSpeech(snr=0.), lambda: CorruptFaces(noise='x'),
                  lambda: CorruptFaces(brightness=-1.), lambda: CorruptText(mode='all'),
                  lambda: CorruptText(fraction=1.2)):
        with pytest.raises(ValueError, match='one of|positive|between'):
            build()
    assert linear_snr(0., 'db') == 1.


def test_signals_of_their_own() -> None:
    signals = np.array([[1., -1., 1., -1.], [0., 0., 0., 0.], [10., 10., 10., 10.]])
    noise = add_noise(signals, 2., np.random.default_rng(0), axes=(1, )) - signals
    assert power(noise, 1) == pytest.approx([.5, 0., 50.], rel=1e-5)
