"""Cycles of a hydraulic test rig: the pressure of its accumulator, told from the sensors.

A domain is a state of the cooler. Cycles follow each other under conditions that change slowly, so that a cycle nearly
repeats the one before it: whole blocks of consecutive cycles train or validate.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from mmda_ext.datasets.feature_checks import load_feature_file
from mmda_ext.datasets.published.feature_set import Arrays, FeatureSet, window_statistics

#: Modality -> its files, without ending; a file has a line for each cycle of 60 s and a column for each sample.
SENSORS = {
    'flow': ('FS1', 'FS2'),
    'efficiency': ('SE', ),
    'temperature': ('TS1', 'TS2', 'TS3', 'TS4'),
    'vibration': ('VS1', ),
}
WINDOWS = 12
#: Columns of ``profile.txt``: state of the cooler in per cent, and pressure in bar.
COOLER, ACCUMULATOR = 0, 3
PRESSURES = (90, 100, 115, 130)
#: Consecutive cycles of a class and domain form so many blocks: two in ten validate.
BLOCKS = 10
#: Of one domain and class each; the lowest pressure comes twice in two of the domains.
STRETCHES = 14
MODALITIES = {name: 2 * WINDOWS * len(files) for name, files in SENSORS.items()}


def read_hydraulic(source: Path) -> Arrays:
    """Statistics of the cycles, from the archive or from a feature file that has them.

    Args:
        source (Path): The published ``.zip``, or an ``.npz`` with the modalities, ``label`` and ``domain``.

    Returns:
        Arrays: ``flow`` (2205, 48), ``efficiency`` (2205, 24), ``temperature`` (2205, 96), ``vibration`` (2205, 24);
        ``label``, ``domain``, ``classes``, and as ``group`` the block.

    Raises:
        ValueError: If it is another file.
    """
    arrays = load_feature_file(source, tuple(MODALITIES)) if source.suffix == '.npz' else _from_archive(source)
    _check_order(source, arrays)
    arrays['group'] = blocks(arrays['domain'], arrays['label'])
    return arrays


def _check_order(source: Path, arrays: Arrays) -> None:
    """Published cycles of a class follow each other; in another order, those of a block would be no neighbours."""
    kinds = np.char.add(arrays['domain'], arrays['label'].astype(str))
    if 1 + np.count_nonzero(kinds[1:] != kinds[:-1]) > STRETCHES:
        raise ValueError(f'{source}: the cycles are not in the published order, by which neighbours are kept together: '
                         f'download {HYDRAULIC.source}')


def blocks(domains: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Name of the block of each cycle ``(n, )``: :data:`BLOCKS` stretches of time for each domain and class."""
    names = np.empty(len(labels), dtype=object)
    for domain in np.unique(domains):
        for label in np.unique(labels):
            members = np.flatnonzero((domains == domain) & (labels == label))
            for number, part in enumerate(np.array_split(members, BLOCKS)):
                names[part] = f'{domain} {PRESSURES[label]} bar, block {number}'
    return names.astype(str)


def _from_archive(source: Path) -> Arrays:
    if not zipfile.is_zipfile(source):
        raise ValueError(f'{source} ({source.stat().st_size} bytes) is no zip archive, or is cut short: download '
                         f'{HYDRAULIC.source}')
    with zipfile.ZipFile(source) as archive:
        profile = _table(archive, source, 'profile')
        count = len(profile)
        arrays = {name: np.concatenate([_statistics(archive, source, file, count) for file in files], axis=1)
                  for name, files in SENSORS.items()}
    if profile.shape[1] <= ACCUMULATOR or not np.isin(profile[:, ACCUMULATOR], PRESSURES).all():
        raise ValueError(f'{source}: column {ACCUMULATOR + 1} of profile.txt must hold pressures of {PRESSURES} bar: '
                         f'download {HYDRAULIC.source}')
    return arrays | {
        'label': np.searchsorted(PRESSURES, profile[:, ACCUMULATOR]),
        'domain': np.array([f'cooler{int(state):03d}' for state in profile[:, COOLER]]),
        'classes': np.array([f'{pressure} bar' for pressure in PRESSURES])}


def _statistics(archive: zipfile.ZipFile, source: Path, name: str, count: int) -> np.ndarray:
    table = _table(archive, source, name)
    if len(table) != count or table.shape[1] % WINDOWS:
        raise ValueError(f'{source}: {name}.txt has {table.shape[0]} lines and {table.shape[1]} columns, {count} lines '
                         f'and a multiple of {WINDOWS} columns are needed: download {HYDRAULIC.source}')
    return window_statistics(table, WINDOWS)


def _table(archive: zipfile.ZipFile, source: Path, name: str) -> np.ndarray:
    """Numbers of a text file, ``(cycles, columns)``, in whatever folder of the archive it lies."""
    found = [entry for entry in archive.namelist() if entry.rpartition('/')[2] == f'{name}.txt']
    if not found:
        raise ValueError(f'{source} holds no {name}.txt: download {HYDRAULIC.source}')
    try:
        return np.loadtxt(io.BytesIO(archive.read(found[0])), ndmin=2)
    # A damaged member and a torn line end in errors of several libraries.
    except (ValueError, zipfile.BadZipFile, OSError) as error:
        raise ValueError(f'{source}: {name}.txt cannot be read ({error}): download {HYDRAULIC.source}') from error


HYDRAULIC = FeatureSet(
    name='hydraulic',
    licence='CC BY 4.0 (as the page of the archive says)',
    citation='N. Helwig, E. Pignanelli, A. Schütze: Condition monitoring of a complex hydraulic system using '
             'multivariate statistics. IEEE International Instrumentation and Measurement Technology Conference, 2015',
    source='the archive of "Condition monitoring of hydraulic systems" from '
           'https://archive.ics.uci.edu/dataset/447/condition+monitoring+of+hydraulic+systems',
    modalities=MODALITIES,
    counts={'cooler003': 732, 'cooler020': 732, 'cooler100': 741},
    classes=tuple(f'{pressure} bar' for pressure in PRESSURES),
    read=read_hydraulic)
