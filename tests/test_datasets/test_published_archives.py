"""RAVDESS and digits: small archives in the published layout."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmda_ext.datasets.published import digits, ravdess, write_features


def wav(wave: np.ndarray, rate: int) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate, format='WAV', subtype='FLOAT')
    return stream.getvalue()


def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, 8000)


def tracked(*frames: tuple[int, float]) -> str:
    """Frames of (success, value of the first unit); unit k has k more. OpenFace puts blanks before its names."""
    names = ['frame', *(f' {unit}' for unit in reversed(ravdess.UNITS)), ' success']
    lines = [[0, *(value + k for k in reversed(range(35))), seen] for seen, value in frames]
    return '\n'.join(','.join(map(str, line)) for line in [names, *lines]) + '\n'


@pytest.fixture
def acted(tmp_path: Path) -> Path:
    """An angry actor 12 and a calm actor 7, songs, and what else lies in the archives."""
    with zipfile.ZipFile(tmp_path / ravdess.FACE, 'w') as archive:
        archive.writestr('01-01-05-02-01-01-12.csv', tracked((1, 1.), (0, 100.), (1, 3.)))
        archive.writestr('Speech/01-01-02-01-01-01-07.csv', tracked((1, 5.)))
        archive.writestr('01-02-02-01-01-01-07.csv', 'a song')
    with zipfile.ZipFile(tmp_path / ravdess.VOICE, 'w') as archive:
        archive.writestr('Actor_12/03-01-05-02-01-01-12.wav', wav(np.stack([noise(), np.zeros(8000)], 1), 16000))
        archive.writestr('Actor_07/03-01-02-01-01-01-07.wav', wav(noise(), 16000))
        archive.writestr('readme.txt', 'x')
    return tmp_path


def test_ravdess_from_its_archives(acted: Path) -> None:
    found = ravdess.read_ravdess(acted)
    assert found['actor'].tolist() == [7, 12]
    assert [ravdess.EMOTIONS[label] for label in found['label']] == ['calm', 'angry']
    assert found['domain'].tolist() == ['actors07-12'] * 2
    np.testing.assert_array_equal(found['face'], [5 + np.arange(35), 2 + np.arange(35)])
    # One of two channels is silent, so their mean is half of the noise.
    assert found['audio'][1] == pytest.approx(ravdess.voice_statistics(noise() / 2, 16000), rel=1e-3, abs=1e-3)
    assert found['audio'][0] == pytest.approx(ravdess.voice_statistics(noise(), 16000), rel=1e-3, abs=1e-3)
    with pytest.raises(ValueError, match=r"\{'actors07-12': 2\} samples in the domains of `ravdess`"):
        write_features(ravdess.RAVDESS, acted, acted / 'out')


def test_voice_statistics_against_librosas_cepstra() -> None:
    import librosa
    wave = np.random.default_rng(0).standard_normal(6000) * np.linspace(0, 1, 6000)
    mel = librosa.feature.melspectrogram(y=wave, sr=16000, n_fft=512, hop_length=160, n_mels=64)
    frames = librosa.feature.mfcc(S=np.log(mel + 1e-8), n_mfcc=30)
    low, high = (np.sort(frames[:13], 1)[:, [3, 4]] @ [.3, .7], np.sort(frames[:13], 1)[:, [33, 34]] @ [.7, .3])
    assert frames.shape == (30, 38), 'a tenth of 37 steps is 3.7'
    slow = [[row.mean() for row in frames], [row.std() for row in frames],
            [np.mean([abs(b - a) for a, b in zip(row[:-1], row[1:])]) for row in frames], low, high]
    np.testing.assert_allclose(ravdess.voice_statistics(wave, 16000), np.concatenate(slow), rtol=1e-6, atol=1e-9)
    twice = ravdess.voice_statistics(librosa.resample(wave, orig_sr=16000, target_sr=32000), 32000)
    assert twice[0] == pytest.approx(np.mean(frames[0]), abs=4)


@pytest.mark.parametrize(('file', 'members', 'message'), [
    (ravdess.FACE, {}, 'clips have a face or a voice alone, as 01-02-01-01-01-07'),
    (ravdess.FACE, {'01-01-02-01-01-01-07.csv': 'frame, AU01_r\n'}, '01-01-02-01-01-01-07.csv has no column AU01_c'),
    (ravdess.FACE, {'01-01-02-01-01-01-07.csv': tracked((0, 1.))}, 'has no frame in which the face was found'),
    (ravdess.VOICE, None, f'{ravdess.VOICE} is not there: download'),
])
def test_another_archive_is_refused(acted: Path, file: str, members: dict | None, message: str) -> None:
    (acted / file).unlink()
    if members is not None:
        with zipfile.ZipFile(acted / file, 'w') as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    with pytest.raises(ValueError, match=message) as refused:
        ravdess.read_ravdess(acted)
    assert 'zenodo.org/records/1188976' in str(refused.value)


def idx(values: np.ndarray) -> bytes:
    head = b'\0\0\x08' + bytes([values.ndim]) + b''.join(size.to_bytes(4, 'big') for size in values.shape)
    return gzip.compress(head + values.astype(np.uint8).tobytes())


@pytest.fixture
def collections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures of every digit and one too many, two recordings (one of each speaker)."""
    monkeypatch.setattr(digits, 'PAIRS', 2)
    labels = np.tile(np.arange(10), 3)
    (tmp_path / digits.MNIST[0]).write_bytes(idx(np.repeat(labels * 8, 784).reshape(30, 28, 28)))
    (tmp_path / digits.MNIST[1]).write_bytes(idx(labels))
    lines = [' '.join([f'{label:.4f}', *['-1.000'] * 255, '1.000']) for label in labels]
    (tmp_path / digits.USPS).write_bytes(gzip.compress('\n'.join(lines).encode()))
    (tmp_path / digits.OPTDIGITS).write_text('\n'.join(','.join(['16'] * 64 + [str(label)]) for label in labels))
    with zipfile.ZipFile(tmp_path / 'free-spoken-digit-dataset-1.0.10.zip', 'w') as archive:
        for digit in range(10):
            for speaker in sum(digits.SPEAKERS.values(), ()):
                loud = wav(np.full(2000 + 100 * digit, .1 if speaker[0] < 'l' else .2), 8000)
                archive.writestr(f'free-spoken-digit-dataset-1.0.10/recordings/{digit}_{speaker}_0.wav', loud)
    return tmp_path


def test_digits_from_their_files(collections: Path) -> None:
    found, again = digits.read_digits(collections), digits.read_digits(collections)
    assert found['image'].shape == (60, 1, 16, 16)
    assert found['audio'].shape == (60, 1, 32, 40)
    assert found['label'].tolist() == np.repeat(np.tile(np.arange(10), 3), 2).tolist()
    for place in range(0, 60, 2):
        assert set(found['speaker'][place:place + 2]) == set(digits.SPEAKERS[found['domain'][place]])
    mnist, usps, optdigits = (found['image'][found['domain'] == domain, 0] for domain in digits.SPEAKERS)
    np.testing.assert_allclose(mnist[:, 3, 3], np.repeat(np.arange(10), 2) * 8 / 255, atol=1e-3)
    assert usps[0].ravel()[[0, 254, 255]].tolist() == [0, 0, 1]
    assert (optdigits == 1).all()
    assert all((found[name] == again[name]).all() for name in found)
    assert {tuple(found['speaker'][place:place + 2]) for place in range(0, 20, 2)} == {
        ('george', 'jackson'), ('jackson', 'george')}, 'the pairing is drawn'


def test_a_recording_fills_the_frames() -> None:
    short, long = (digits.spectrogram(np.sin(np.arange(length))) for length in (500, 5000))
    assert short.shape == long.shape == (32, 40)
    # In the middle both hear the same tone.
    np.testing.assert_allclose(short[16], long[16], atol=1.)
    assert digits.spectrogram(np.zeros(500)).max() == pytest.approx(np.log(1e-8))


# mtime: a time in the bytes would give the test another name in each process that collects it.
@pytest.mark.parametrize(('file', 'content', 'message'), [
    (digits.USPS, b'x', 'zip.train.gz is damaged, or cut short'),
    (digits.OPTDIGITS, b'1,2,3\n', 'has 3 columns, 65 are published'),
    (digits.OPTDIGITS, b'a,2,3\n', 'is no table of numbers'),
    (digits.MNIST[1], gzip.compress(b'abcdefghi', mtime=0), 'are not the files of MNIST'),
    (digits.MNIST[0], None, 'train-images-idx3-ubyte.gz is not there'),
    ('free-spoken-digit-dataset-1.0.10.zip', b'PK', 'is not there, or is cut short'),
    (digits.OPTDIGITS, b','.join([b'1'] * 65), 'digit 0 of optdigits has 0 pictures and 2 recordings, 2 of each'),
])
def test_other_files_are_refused(collections: Path, file: str, content: bytes | None, message: str) -> None:
    (collections / file).unlink()
    if content is not None:
        (collections / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        digits.read_digits(collections)
