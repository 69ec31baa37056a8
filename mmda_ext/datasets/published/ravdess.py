"""Acted emotions: movements of the face and statistics of the voice of 1440 clips; six actors are a domain.

The published file names say it all: ``01-01-05-02-01-01-12`` is modality, channel, emotion, intensity, statement,
repetition and actor. The face (modality 01) and the voice (03) of a clip differ in the first number.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmda_ext.datasets.feature_checks import load_feature_file
from mmda_ext.datasets.published.feature_set import Arrays, FeatureSet

FACE, VOICE = 'FacialTracking_Actors_01-24.zip', 'Audio_Speech_Actors_01-24.zip'
SPEECH = '01'
EMOTIONS = ('neutral', 'calm', 'happy', 'sad', 'angry', 'fearful', 'disgust', 'surprised')
#: Of OpenFace: how strong each action unit is, 0 to 5, then whether it is there.
STRONG = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
UNITS = (*(f'AU{unit:02d}_r' for unit in STRONG), *(f'AU{unit:02d}_c' for unit in (*STRONG[:-1], 28, 45)))
RATE, WINDOW, HOP, BANDS = 16000, 512, 160, 64
#: Cepstral coefficients, and those of which the extremes are told.
CEPSTRA, EXTREMES = 30, 13
WIDTHS = {'face': len(UNITS), 'audio': 3 * CEPSTRA + 2 * EXTREMES}


def read_ravdess(source: Path) -> Arrays:
    """Features of the clips, from the published archives or from a feature file that has them.

    Args:
        source (Path): Folder of the two ``.zip`` files, or an ``.npz`` with the modalities, ``label`` and ``domain``.

    Returns:
        Arrays: ``face`` (1440, 35): means of the action units over the frames in which the face was found; ``audio``
        (1440, 116), see :func:`voice_statistics`; ``label``, ``domain``, ``classes`` and as ``actor`` the number.

    Raises:
        ValueError: If an archive is missing, damaged or another one.
    """
    if source.suffix == '.npz':
        return load_feature_file(source, tuple(WIDTHS))
    voices = {name[3:]: voice_statistics(*_sound(content)) for name, content in _clips(source, VOICE, '.wav', '03')}
    faces = {name[3:]: _face(content, name) for name, content in _clips(source, FACE, '.csv', '01')}
    if alone := sorted(faces.keys() ^ voices.keys()):
        raise ValueError(f'{source}: {len(alone)} clips have a face or a voice alone, as {alone[0]}: download '
                         f'{RAVDESS.source}')
    names = sorted(faces, key=lambda name: (name[-2:], name))
    actors = np.array([int(name[-2:]) for name in names])
    return {
        'face': np.array([faces[name] for name in names], dtype=np.float32),
        'audio': np.array([voices[name] for name in names], dtype=np.float32),
        'label': np.array([int(name[3:5]) - 1 for name in names]),
        'domain': np.array([domain_of(actor) for actor in actors]),
        'classes': np.array(EMOTIONS),
        'actor': actors}


def domain_of(actor: int) -> str:
    """Six actors in the order of their numbers: ``actors01-06`` to ``actors19-24``."""
    first = actor - (actor - 1) % 6
    return f'actors{first:02d}-{first + 5:02d}'


def voice_statistics(wave: np.ndarray, rate: int) -> np.ndarray:
    """What 30 cepstral coefficients do in a clip, ``(116, )``.

    Mean and deviation of each, mean size of its change from frame to frame, and of the first 13 the 10 % and 90 %
    points. The coefficients are the orthonormal cosine transform of the natural log of 64 mel bands (+ 1e-8), in
    windows of 32 ms every 10 ms at 16 kHz.

    Args:
        wave (np.ndarray): Sound in [-1, 1], ``(n, )``.
        rate (int): Samples per second.
    """
    import librosa
    from scipy.fft import dct

    wave = librosa.resample(wave, orig_sr=rate, target_sr=RATE) if rate != RATE else wave
    mel = librosa.feature.melspectrogram(y=wave, sr=RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS)
    cepstra = dct(np.log(mel.T + 1e-8), norm='ortho', axis=1)[:, :CEPSTRA]
    changes = np.abs(np.diff(cepstra, axis=0)).mean(0)
    low, high = np.percentile(cepstra[:, :EXTREMES], (10, 90), axis=0)
    return np.concatenate([cepstra.mean(0), cepstra.std(0), changes, low, high])


def _clips(source: Path, file: str, ending: str, modality: str) -> Iterator[tuple[str, bytes]]:
    """Names, without ending, and contents of the spoken clips of an archive, in whatever folders they lie."""
    path = source / file
    if not path.is_file() or not zipfile.is_zipfile(path):
        state = 'is no zip archive, or is cut short' if path.is_file() else 'is not there'
        raise ValueError(f'{path} {state}: download {RAVDESS.source}')
    with zipfile.ZipFile(path) as archive:
        for entry in sorted(archive.namelist()):
            name = entry.rpartition('/')[2].removesuffix(ending)
            if entry.endswith(ending) and name[:6] == f'{modality}-{SPEECH}-' and name.count('-') == 6:
                yield name, archive.read(entry)


def _sound(content: bytes) -> tuple[np.ndarray, int]:
    import soundfile

    wave, rate = soundfile.read(io.BytesIO(content), dtype='float64', always_2d=True)
    return wave.mean(1), rate


def _face(content: bytes, name: str) -> np.ndarray:
    lines = csv.reader(io.StringIO(content.decode('utf-8')))
    columns = [column.strip() for column in next(lines, [])]
    if missing := {*UNITS, 'success'} - {*columns}:
        raise ValueError(f'{FACE}: {name}.csv has no column {min(missing)}: download {RAVDESS.source}')
    values = np.array([line for line in lines if line], dtype=np.float64)
    seen = values[values[:, columns.index('success')] == 1] if len(values) else values
    if not len(seen):
        raise ValueError(f'{FACE}: {name}.csv has no frame in which the face was found: download {RAVDESS.source}')
    return seen[:, [columns.index(unit) for unit in UNITS]].mean(0)


RAVDESS = FeatureSet(
    name='ravdess',
    file='ravdess_av',
    licence='CC BY-NC-SA 4.0',
    citation='S. Livingstone, F. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). PLoS '
             'ONE 13(5), 2018; and for the tracking of the faces R. Swanson, S. Livingstone, F. Russo: RAVDESS Facial '
             'Landmark Tracking, 2019',
    source=f'{VOICE} from https://zenodo.org/records/1188976 and {FACE} from https://zenodo.org/records/3255102 into '
           'one folder',
    modalities=WIDTHS,
    counts={domain_of(actor): 360 for actor in (1, 7, 13, 19)},
    classes=EMOTIONS,
    read=read_ravdess)
