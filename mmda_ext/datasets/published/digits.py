"""Written and spoken digits, paired at random within a class; a domain is a collection of handwriting, two speakers."""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmda_ext.datasets.feature_checks import load_feature_file
from mmda_ext.datasets.published.feature_set import Arrays, FeatureSet

#: Domain -> its speakers; of each of them, 50 recordings of every digit are published.
SPEAKERS = {'mnist': ('george', 'jackson'), 'usps': ('lucas', 'nicolas'), 'optdigits': ('theo', 'yweweler')}
#: Of one class in one domain: the first of the written ones in the order of their file, and all spoken ones.
PAIRS = 100
SIDE, FRAMES, BANDS = 16, 32, 40
RATE, WINDOW, HOP = 8000, 256, 64
MNIST = ('train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz')
USPS, OPTDIGITS, SPOKEN = 'zip.train.gz', 'optdigits.tra', 'free-spoken-digit-dataset*.zip'


def read_digits(source: Path) -> Arrays:
    """Pictures and spectrograms of 3000 digits, from the published files or from a feature file that has them.

    Args:
        source (Path): Folder of the published files, or an ``.npz`` with the modalities, ``label`` and ``domain``.

    Returns:
        Arrays: ``image`` (3000, 1, 16, 16) in [0, 1]; ``audio`` (3000, 1, 32, 40), the natural log of 40 mel bands
        (+ 1e-8), stretched to 32 frames; ``label``, ``domain``, ``classes`` and ``speaker``.

    Raises:
        ValueError: If a file is missing, damaged or another one.
    """
    if source.suffix == '.npz':
        return load_feature_file(source, ('image', 'audio'))
    written: dict[str, Callable[[Path], tuple[np.ndarray, np.ndarray]]] = {
        'mnist': _mnist, 'usps': _usps, 'optdigits': _optdigits}
    spoken, generator = _spoken(source), np.random.default_rng(0)
    images, sounds, labels, domains, speakers = [], [], [], [], []
    for domain, names in SPEAKERS.items():
        pictures, digits = written[domain](source)
        for digit in range(10):
            own = pictures[digits == digit][:PAIRS]
            heard = [(name, wave) for name in names for wave in spoken.get((digit, name), ())]
            if (len(own), len(heard)) != (PAIRS, PAIRS):
                raise ValueError(f'{source}: digit {digit} of {domain} has {len(own)} pictures and {len(heard)} '
                                 f'recordings, {PAIRS} of each are published: download {DIGITS.source}')
            order = generator.permutation(PAIRS)
            images.append(own)
            sounds += [heard[place][1] for place in order]
            speakers += [heard[place][0] for place in order]
            labels += [digit] * PAIRS
            domains += [domain] * PAIRS
    return {
        'image': np.concatenate(images)[:, None].astype(np.float16),
        'audio': np.stack(sounds)[:, None].astype(np.float16),
        'label': np.array(labels), 'domain': np.array(domains), 'speaker': np.array(speakers),
        'classes': np.array([str(digit) for digit in range(10)])}


def spectrogram(wave: np.ndarray) -> np.ndarray:
    """Natural log of the mel bands of a recording at 8 kHz, ``(32, 40)``: however long it is, it fills the frames."""
    import librosa

    mel = librosa.feature.melspectrogram(y=wave, sr=RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS)
    logs = np.log(mel.T + 1e-8)
    places = np.linspace(0, len(logs) - 1, FRAMES)
    return np.stack([np.interp(places, np.arange(len(logs)), band) for band in logs.T], axis=1)


def resized(pictures: np.ndarray) -> np.ndarray:
    """Pictures ``(n, h, w)`` in [0, 1] with 16 x 16 pixels: means of areas where there are more, else in between."""
    import cv2

    how = cv2.INTER_AREA if pictures.shape[1] > SIDE else cv2.INTER_LINEAR
    return np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=how) for picture in pictures.astype(np.float32)])


def _mnist(source: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = (_unpacked(source / name) for name in MNIST)
    if images[:4] != b'\0\0\x08\x03' or labels[:4] != b'\0\0\x08\x01' or (len(images) - 16) % 784:
        raise ValueError(f'{source}: {MNIST[0]} and {MNIST[1]} are not the files of MNIST: download {DIGITS.source}')
    pixels = np.frombuffer(images[16:], np.uint8).reshape(-1, 28, 28)
    return resized(pixels / 255), np.frombuffer(labels[8:], np.uint8)


def _usps(source: Path) -> tuple[np.ndarray, np.ndarray]:
    table = _numbers(source / USPS, _unpacked(source / USPS), None, 257)
    return (table[:, 1:].reshape(-1, SIDE, SIDE) + 1) / 2, table[:, 0].astype(int)


def _optdigits(source: Path) -> tuple[np.ndarray, np.ndarray]:
    table = _numbers(source / OPTDIGITS, _content(source / OPTDIGITS), ',', 65)
    return resized(table[:, :64].reshape(-1, 8, 8) / 16), table[:, 64].astype(int)


def _spoken(source: Path) -> dict[tuple[int, str], list[np.ndarray]]:
    """Spectrograms by digit and speaker, in the order of their numbers."""
    import soundfile

    found = sorted(source.glob(SPOKEN))
    if not found or not zipfile.is_zipfile(found[-1]):
        raise ValueError(f'{source / SPOKEN} is not there, or is cut short: download {DIGITS.source}')
    takes: dict[tuple[int, str], dict[int, np.ndarray]] = {}
    with zipfile.ZipFile(found[-1]) as archive:
        for entry in archive.namelist():
            if name := re.search(r'recordings/(\d)_(\w+)_(\d+)\.wav$', entry):
                wave, _ = soundfile.read(io.BytesIO(archive.read(entry)), dtype='float64')
                takes.setdefault((int(name[1]), name[2]), {})[int(name[3])] = spectrogram(wave)
    return {key: [own[number] for number in sorted(own)] for key, own in takes.items()}


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError(f'{path} is not there: download {DIGITS.source}')
    return path.read_bytes()


def _unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(_content(path))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f'{path} is damaged, or cut short ({error}): download {DIGITS.source}') from error


def _numbers(path: Path, content: bytes, delimiter: str | None, columns: int) -> np.ndarray:
    try:
        table = np.loadtxt(io.BytesIO(content), delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise ValueError(f'{path} is no table of numbers ({error}): download {DIGITS.source}') from error
    if table.shape[1] != columns:
        raise ValueError(f'{path} has {table.shape[1]} columns, {columns} are published: download {DIGITS.source}')
    return table


DIGITS = FeatureSet(
    name='avdigits',
    file='av_digits',
    licence='CC BY-SA 4.0 (Free Spoken Digit Dataset), CC BY 4.0 (optdigits); MNIST and USPS state none',
    citation='Z. Jackson: Free Spoken Digit Dataset, 2016; Y. LeCun, C. Cortes, C. Burges: MNIST, 1998; J. Hull: A '
             'database for handwritten text recognition research, TPAMI 16(5), 1994; E. Alpaydin, C. Kaynak: Optical '
             'Recognition of Handwritten Digits, UCI, 1998',
    source=f'{" and ".join(MNIST)} of MNIST, {USPS} of https://hastie.su.domains/ElemStatLearn, {OPTDIGITS} of '
           'https://archive.ics.uci.edu/dataset/80 and the zip archive of '
           'https://github.com/Jakobovski/free-spoken-digit-dataset into one folder',
    modalities={'image': (1, SIDE, SIDE), 'audio': (1, FRAMES, BANDS)},
    counts=dict.fromkeys(SPEAKERS, 10 * PAIRS),
    classes=tuple(str(digit) for digit in range(10)),
    read=read_digits)
