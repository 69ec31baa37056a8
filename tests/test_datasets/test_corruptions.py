"""Corruptions: the published numbers, and what holds for all families alike."""

import re
from difflib import SequenceMatcher

import numpy as np
import pytest

from mmda_ext.datasets.corruptions import KINDS, SEVERITIES, Facts, Statistics
from mmda_ext.datasets.corruptions.audio import noise_gain
from mmda_ext.datasets.corruptions.family import sample_rng
from mmda_ext.datasets.corruptions.video_blur import disk, streak, zoomed
from mmda_ext.datasets.corruptions.video_weather import plasma_fractal
from mmda_ext.datasets.transforms.spectrogram import log_spectrogram
from tests.conftest import ROOT

RNG = np.random.default_rng(0)


def scene(frames: int = 3, side: int = 112) -> np.ndarray:
    """A cloudy, coloured texture that moves by a pixel from frame to frame."""
    colours = [plasma_fractal(256, 1.4, np.random.default_rng(number)) * 2 - .5 for number in range(3)]
    texture = (np.clip(np.stack(colours, axis=-1), 0, 1) * 255).astype(np.uint8)
    return np.stack([texture[number:number + side, :side] for number in range(frames)])


WAVE = RNG.uniform(-.3, .3, size=8000).astype(np.float32)
VALUES = RNG.normal(3, 2, size=(60, 20, 8)).cumsum(axis=1)
STATISTICS = Statistics(VALUES.std(0), VALUES.min(0), VALUES.max(0))
DATA = dict(
    video=scene(8, 64), waveform=WAVE, spectrogram=RNG.normal(size=(1, 40, 60)).astype(np.float32),
    text=' '.join(f'word{number}' for number in range(60)), features=VALUES[0].astype(np.float32))
FACTS = Facts('m', statistics=STATISTICS, other=lambda rng: VALUES[rng.integers(1, 60)].astype(np.float32))
FAMILIES = [(kind, family) for kind in KINDS for family in KINDS[kind].families]
#: Nothing is drawn, or the same for all samples.
SAME_FOR_ALL = {'contrast', 'brightness', 'saturate', 'pixelate', 'jpeg', 'defocus_blur', 'zoom_blur', 'freeze',
                'frame_rate', 'clipping', 'low_pass', 'gain', 'shift', 'quantise'}
#: Published severities that do not all grow: the first two of `saturate` take colour away, those of `elastic` warp by
#: an affine map, the boxes of the first of `pixelate` do not fit, snow of 2 and 3 is another snow.
GROWING = {'saturate': (3, 4, 5), 'elastic': (3, 5), 'pixelate': (2, 3, 4, 5), 'snow': (3, 4, 5)}


def corrupt(kind, family, severity, key='a', seed=0, data=None, facts=FACTS):
    return KINDS[kind].corrupt(DATA[kind] if data is None else data, family, severity, key, seed, facts)


def distance(kind, one, other):
    if kind == 'text':
        return 1 - SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio()
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean()


def test_the_page_names_all_families_and_severities():
    def shown(level):
        return f'({", ".join(f"{one:g}" for one in level)})' if isinstance(level, tuple) else f'{level:g}'

    rows = re.findall(r'^\| `(\w+)` \| .* \| (.*) \|$', (ROOT / 'docs' / 'robustness.md').read_text(), flags=re.M)
    expected = [(name, ' '.join(map(shown, family.levels))) for kind in KINDS.values()
                for name, family in kind.families.items()]
    assert [row for row in rows if row[0] in dict(expected)] == expected
    assert [len(kind.families) for kind in KINDS.values()] == [19, 6, 3, 4, 7]


@pytest.mark.parametrize(('kind', 'family'), FAMILIES)
def test_a_copy_of_the_same_form_that_belongs_to_the_sample(kind, family):
    data = DATA[kind]
    before = data if kind == 'text' else data.copy()
    done = corrupt(kind, family, 5)
    untouched = corrupt(kind, family, 0)
    assert distance(kind, data, before) == distance(kind, untouched, before) == 0 < distance(kind, done, before)
    if kind != 'text':
        assert (done.shape, done.dtype) == (data.shape, data.dtype)
        assert not any(np.shares_memory(data, one) for one in (done, untouched))
        assert np.isfinite(done.astype(np.float64)).all()
    corrupt(kind, family, 3, key='b')  # the order of the work does not matter
    assert distance(kind, done, corrupt(kind, family, 5)) == 0
    assert (distance(kind, done, corrupt(kind, family, 5, key='b')) == 0) == (family in SAME_FOR_ALL)
    drawn = family not in SAME_FOR_ALL or family == 'shift'
    assert (distance(kind, done, corrupt(kind, family, 5, seed=1)) > 0) == drawn


@pytest.mark.parametrize(('kind', 'family'), FAMILIES)
def test_distortion_grows_with_severity(kind, family):
    clips = {'frame_drop': (20, 16), 'freeze': (20, 16), 'frame_rate': (20, 16), 'glass_blur': (1, 224)}
    data = scene(*clips.get(family, (1, 112))) if kind == 'video' else DATA[kind]
    still = kind == 'video' and family not in ('frame_drop', 'elastic', 'fog')
    keys = [f'k{number}' for number in range(1 if family in SAME_FOR_ALL else 6 if still else 40)]
    severities = GROWING.get(family, SEVERITIES)
    found = [np.mean([distance(kind, corrupt(kind, family, severity, key, data=data), data) for key in keys])
             for severity in severities]
    assert all(one < other for one, other in zip(found, found[1:])), found


def test_noise_of_pictures_has_its_deviation():
    grey = np.full((2, 100, 100, 3), .5)
    for family, expected in dict(gaussian_noise=.08, shot_noise=np.sqrt(.5 / 60), speckle_noise=.075).items():
        noise = corrupt('video', family, 1, data=grey) - grey
        assert noise.std() == pytest.approx(expected, rel=.02)
        assert abs(noise.mean()) < .002
        assert not np.allclose(noise[0], noise[1]), 'each frame has noise of its own'
    noisy = corrupt('video', 'impulse_noise', 5, data=grey)
    assert [(noisy == value).mean() for value in (0, 1)] == pytest.approx([.135, .135], abs=.005)


def test_bytes_and_fractions_are_corrupted_alike():
    for family in ('gaussian_noise', 'fog', 'jpeg'):
        exact = corrupt('video', family, 2, data=DATA['video'] / 255.)
        assert np.abs(corrupt('video', family, 2) - exact * 255).max() <= .501


def test_frames_that_are_late_or_lost():
    clip = np.broadcast_to((np.arange(8) / 8).reshape(8, 1, 1, 1), (8, 2, 2, 3)).copy()
    numbers = lambda family, severity: (corrupt('video', family, severity, data=clip)[:, 0, 0, 0] * 8).tolist()  # noqa: E731
    assert numbers('freeze', 3) == [0, 1, 2, 3, 3, 3, 3, 3]
    assert numbers('freeze', 5) == [0, 1, 1, 1, 1, 1, 1, 1]
    assert numbers('frame_rate', 2) == [0, 0, 2, 2, 4, 4, 6, 6]
    assert numbers('frame_rate', 4) == [0, 0, 0, 0, 4, 4, 4, 4]
    dropped = numbers('frame_drop', 4)
    assert dropped[0] == 0
    assert all(now in (place, before) for place, (before, now) in enumerate(zip(dropped, dropped[1:]), start=1))
    long = np.linspace(0, 1, 2000).reshape(-1, 1, 1, 1)
    assert (np.diff(corrupt('video', 'frame_drop', 3, data=long)[:, 0, 0, 0]) == 0).mean() == pytest.approx(.3, abs=.03)


def test_geometry_is_that_of_the_clip():
    still = np.repeat(scene(1, 64), 3, axis=0)
    for family in ('defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur', 'snow', 'fog', 'elastic'):
        done = corrupt('video', family, 4, data=still)
        assert (done == done[:1]).all(), family


def test_kernels():
    assert disk(3, .1)[6, 6] == pytest.approx(1 / (np.pi * 9), rel=.05)
    assert disk(3, .1).sum() == pytest.approx(1)
    assert np.count_nonzero(disk(.75, .1) > .01) > 1, 'half a pixel is still a blur'
    level = streak(2, 1., 0.)
    assert level[4, 4:] == pytest.approx(np.exp([0, -.5, -2, -4.5, -8]) / np.exp([0, -.5, -2, -4.5, -8]).sum())
    assert np.flatnonzero(streak(2, 1., 90.).sum(0)).tolist() == [4]
    spot = np.zeros((1, 9, 9, 1), np.float32)
    spot[0, 4, 4] = 1
    assert zoomed(spot, 3.)[0, 3:6, 4, 0] == pytest.approx([2 / 3, 1, 2 / 3], abs=.02)
    assert (zoomed(spot, 1.) == spot).all()


def test_blurs_keep_what_is_even_and_scale_with_the_picture():
    even = np.full((1, 56, 56, 3), .25)
    for family in ('defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur', 'elastic', 'pixelate', 'contrast'):
        assert corrupt('video', family, 5, data=even) == pytest.approx(even, abs=1e-5), family
    spread = []
    for side in (112, 224):
        spot = np.zeros((1, side, side, 1), np.float32)
        spot[0, side // 2, side // 2] = 1
        done = corrupt('video', 'defocus_blur', 5, data=spot)[0, ..., 0]
        spread.append(np.sqrt((np.square(np.mgrid[:side, :side] - side // 2).sum(0) * done).sum()) / side)
    assert spread[0] == pytest.approx(spread[1], rel=.05)
    assert spread[1] * 224 == pytest.approx(10 / np.sqrt(2), rel=.05)


def test_colours():
    picture = np.array([.5, .25, .25]).reshape(1, 1, 1, 3)
    assert corrupt('video', 'brightness', 2, data=picture).ravel() == pytest.approx([.7, .35, .35], abs=1e-5)
    assert corrupt('video', 'saturate', 3, data=picture).ravel() == pytest.approx([.5, 0, 0], abs=1e-5)
    pair = np.stack([picture, picture * .6], axis=2)[0]
    assert corrupt('video', 'contrast', 1, data=pair)[0, 0, 0] == pytest.approx([.44, .22, .22])
    squares = np.arange(16.).reshape(1, 4, 4, 1) / 16
    assert corrupt('video', 'pixelate', 2, data=squares)[0, :2, :2] == pytest.approx(2.5 / 16)


def test_weather():
    white = np.ones((1, 32, 32, 3))
    plasma = plasma_fractal(32, 2., np.random.default_rng(0))
    assert (plasma.min(), plasma.max(), plasma.shape) == (0, 1, (32, 32))
    steps = [np.abs(np.diff(plasma_fractal(64, decay, np.random.default_rng(0)), axis=0)).mean() for decay in (1.4, 2)]
    assert steps[0] > 2 * steps[1], 'less decay is rougher'
    foggy = corrupt('video', 'fog', 1, data=white * .5)
    assert foggy.min() == pytest.approx(.5 * .5 / 2, abs=1e-5)  # x max / (max + c) where there is no fog
    assert foggy.max() == pytest.approx(2 * .5 / 2, abs=1e-5)
    dark = corrupt('video', 'snow', 5, data=white * 0)
    assert dark.min() == pytest.approx(.45 * .5, abs=1e-5)  # (1 - mix) max(0, 0.5) where there is no flake
    assert dark.max() > .5
    assert dark == pytest.approx(np.rot90(dark, 2, axes=(1, 2)), abs=1e-5), 'flakes, and their half turn'


def test_optical_flow_has_no_colours():
    flow = scene()[..., :2]
    kind = KINDS['video']
    refused = [name for name in kind.families if kind.obstacle(name, flow, FACTS)]
    assert refused == ['brightness', 'saturate', 'jpeg', 'snow']
    for name in set(kind.families) - set(refused):
        assert corrupt('video', name, 3, data=flow).shape == flow.shape
    still = [name for name in kind.families if kind.obstacle(name, scene(1), FACTS)]
    assert still == ['frame_drop', 'freeze', 'frame_rate']


def test_sound():
    assert noise_gain(np.full(4, np.sqrt(.5)), np.array([1., -1, 1, -1]), 10.) == pytest.approx(.223607, abs=1e-6)
    for severity, decibels in zip(SEVERITIES, (20, 15, 10, 5, 0)):
        noise = corrupt('waveform', 'pink_noise', severity).astype(np.float64) - WAVE
        if severity < 4:  # louder noise is clipped
            assert 10 * np.log10(np.square(WAVE).mean() / np.square(noise).mean()) == pytest.approx(decibels, abs=.01)
    power = np.square(np.abs(np.fft.rfft(noise)))
    assert 8 * power[1000:2000].mean() == pytest.approx(power[125:250].mean(), rel=.4), 'power falls with frequency'
    assert not corrupt('waveform', 'pink_noise', 5, data=np.zeros(9)).any()
    noise = corrupt('waveform', 'gaussian_noise', 1, data=np.zeros(20000, np.float32))
    assert noise.std() == pytest.approx(.08, rel=.03)
    ramp = np.arange(101) / 200
    assert corrupt('waveform', 'clipping', 3, data=ramp).max() == pytest.approx(.45)
    assert corrupt('waveform', 'clipping', 3, data=-ramp).min() == pytest.approx(-.45)
    silent = np.flatnonzero(corrupt('waveform', 'time_mask', 4, data=np.ones(1000)) == 0)
    assert (len(silent), silent[-1] - silent[0]) == (300, 299)
    assert corrupt('waveform', 'gain', 1) == pytest.approx(WAVE * 10**-.3)
    assert np.abs(corrupt('waveform', 'gaussian_noise', 5, data=np.ones(100))).max() == 1


def test_low_pass_keeps_what_is_low():
    low, high = (np.sin(np.arange(8000) * 2 * np.pi * hertz / 16000) * .5 for hertz in (500, 2000))
    rms = lambda wave: np.sqrt(np.square(wave[2000:]).mean())  # noqa: E731
    assert rms(corrupt('waveform', 'low_pass', 5, data=low)) == pytest.approx(rms(low), rel=.01)
    assert rms(corrupt('waveform', 'low_pass', 5, data=high)) < .01
    assert (corrupt('waveform', 'low_pass', 1, facts=Facts(sample_rate=8000), data=high) == high).all()


def test_a_standardised_spectrogram_does_not_hear_the_gain():
    wave = np.random.default_rng(0).uniform(-1, 1, 16000)
    loud, quiet, noisy = (log_spectrogram(corrupt('waveform', family, severity, data=wave), 16000)
                          for family, severity in (('gain', 0), ('gain', 1), ('gaussian_noise', 1)))
    # What is left comes from the 1e-7 that is added to the power.
    assert np.abs(loud - quiet).mean() < .05 < .15 < np.abs(loud - noisy).mean()


def test_spectrograms():
    values = DATA['spectrogram']
    masked = corrupt('spectrogram', 'frame_mask', 5)
    assert (masked == values.min()).all(axis=1).sum() == 30
    assert (corrupt('spectrogram', 'band_mask', 3) == values.min()).all(axis=2).sum() == 8
    assert (corrupt('spectrogram', 'map_noise', 3) - values).std() == pytest.approx(values.std(), rel=.05)


def test_words():
    words = DATA['text'].split()
    many = ' '.join(words * 40)
    kept = corrupt('text', 'deletion', 4, data=many).split()
    assert 1 - len(kept) / 2400 == pytest.approx(.3, abs=.03)
    done = corrupt('text', 'unknown', 5, data=many, facts=Facts(unknown='<unk>')).split()
    assert len(done) == 2400
    assert done.count('<unk>') / 2400 == pytest.approx(.4, abs=.03)
    assert all(one in (word, '<unk>') for one, word in zip(done, words * 40))
    assert sorted(corrupt('text', 'order', 5).split()) == sorted(words)
    swapped = corrupt('text', 'order', 1).split()
    assert np.ptp(np.flatnonzero([one != word for one, word in zip(swapped, words)])) == 1
    for family in ('deletion', 'unknown', 'typo', 'order'):
        assert len(corrupt('text', family, 5, data='yes').split()) == 1
        assert corrupt('text', family, 5, data='') == ''
    alone = [corrupt('text', 'deletion', 5, key=str(key), data='a b') for key in range(40)]
    assert set(alone) == {'a b', 'a', 'b'}


def test_typing_errors():
    letters = 'S' * 4000
    done = corrupt('text', 'typo', 3, data=letters)
    keys = done.count('A') + done.count('D')  # beside S on a keyboard; a swap of equal letters is not seen
    assert keys / 4000 == pytest.approx(.1 / 4, abs=.008)
    assert set(done) == {'S', 'A', 'D'}
    assert 3950 < len(done) < 4050, 'as many are dropped as repeated'
    assert 'UT' in corrupt('text', 'typo', 5, data='TU' * 999).replace('TU', '')
    assert {len(corrupt('text', 'typo', 5, key=str(key), data='.')) for key in range(99)} == {1, 2}


def test_features_known_answers():
    rows = np.array([[1., 2.], [3., 6.]])
    facts = Facts('m', statistics=Statistics(rows.std(0), rows.min(0), rows.max(0)))
    shifts = [corrupt('features', 'shift', 2, key=str(place), facts=facts, data=row) for place, row in enumerate(rows)]
    signs = (shifts[0] - rows[0]) / [.5, 1.]
    assert np.abs(signs) == pytest.approx([1, 1])
    assert shifts[1] == pytest.approx(rows[1] + signs * [.5, 1.])
    seed = next(seed for seed in range(99) if sample_rng(seed, 'm', 'shift').choice([-1., 1.], 2).tolist() == [1, -1])
    moved = [corrupt('features', 'shift', 2, key='x', seed=seed, facts=facts, data=row) for row in rows]
    assert np.stack(moved).tolist() == [[1.5, 1.], [3.5, 5.]]
    assert corrupt('features', 'gain', 4, facts=facts, data=rows[1]).tolist() == pytest.approx([.6, 1.2])
    # Two bits of [1, 3] and [2, 6]: 1, 1.67, 2.33, 3 and 2, 3.33, 4.67, 6; what lies outside is cut.
    for row, expected in (([1.4, 9.], [5 / 3, 6]), ([2.2, 3.9], [7 / 3, 10 / 3])):
        assert corrupt('features', 'quantise', 5, facts=facts, data=np.array(row)) == pytest.approx(expected)


def test_features_of_a_data_set_that_standardises():
    statistics = Statistics(STATISTICS.deviation, STATISTICS.low, STATISTICS.high, shift=3., scale=2.)
    facts = Facts('m', statistics=statistics, other=lambda rng: (FACTS.other(rng) - 3) / 2)
    scaled = (VALUES[0] - 3) / 2
    for family in KINDS['features'].families:
        raw = KINDS['features'].corrupt(VALUES[0], family, 3, 'a', facts=FACTS)
        done = KINDS['features'].corrupt(scaled, family, 3, 'a', facts=facts)
        assert done * 2 + 3 == pytest.approx(raw, abs=1e-5), family


def test_features_by_their_shares():
    noise = np.stack([corrupt('features', 'gaussian', 3, key=str(key), data=VALUES[0]) for key in range(300)])
    assert noise.std(0) == pytest.approx(STATISTICS.deviation, rel=.2)
    wide = np.ones((2, 4000))
    dropped = corrupt('features', 'dimension_dropout', 3, data=wide, facts=Facts())
    assert (dropped[0] == dropped[1]).all()
    assert set(np.unique(dropped)) == {0, 1}
    assert dropped.mean() == pytest.approx(.7, abs=.03)
    mixed = corrupt('features', 'crosstalk', 4, data=np.zeros(3), facts=Facts(other=lambda _: np.ones(3)))
    assert mixed == pytest.approx(.4)
    steps = np.arange(1000.)[:, None]
    left = np.unique(corrupt('features', 'step_drop', 4, data=steps))
    assert len(left) / 1000 == pytest.approx(.6, abs=.05)
    short = corrupt('features', 'step_drop', 5, data=steps[:4])
    assert (np.diff(short[:, 0]) >= 0).all()


def test_what_data_do_not_admit_is_said():
    kind, vector = KINDS['features'], np.zeros(3)
    told = {family: kind.obstacle(family, vector, Facts()) for family in kind.families}
    assert [family for family, reason in told.items() if not reason] == ['dimension_dropout', 'gain']
    assert 'spread of the features in training' in told['quantise']
    with pytest.raises(ValueError, match='step_drop of features: it needs a sequence'):
        kind.corrupt(vector, 'step_drop', 1, 'a')
    with pytest.raises(ValueError, match="severity=6 must be 0"):
        kind.corrupt(vector, 'gain', 6, 'a')
    with pytest.raises(ValueError, match="features: family='blur' is unknown"):
        kind.corrupt(vector, 'blur', 1, 'a')


def test_random_numbers_of_another_process():
    """Written down from another run: a hash that is salted by the process would differ."""
    drawn = KINDS['waveform'].corrupt(np.zeros(3), 'gaussian_noise', 1, 'human/clip_1', seed=7)
    assert drawn.tolist() == pytest.approx([-.12166465956559537, .02201337291328203, -.015416512009531423])
