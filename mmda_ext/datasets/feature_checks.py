"""Opens a feature file and checks every value in it, so that a bad one is named here and poisons nothing later."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.datasets.feature_splits import PARTS

PAGE = 'docs/data.md'

#: Arrays that a file may go without.
OPTIONAL = ('classes', 'split', 'group')
#: A larger label is no number of a class, but perhaps an identity or a time.
MOST_CLASSES = 100_000


def load_feature_file(path: Path, arrays: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the arrays of a feature file and check that they can be used and fit together.

    Args:
        path (Path): The ``.npz`` file.
        arrays (Sequence[str]): Names of the feature arrays wanted.

    Returns:
        dict[str, np.ndarray]: Those; ``label``, int64; ``domain`` and, if there, ``split`` and ``group``, strings; each
        with ``n`` rows; and ``classes``, strings ``(C, )``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ``.npz`` file or holds pickled objects, or an array is missing, of another length, or
            holds a value that cannot be used; the message names file, array, row, column and value.
    """
    table = _read(path, arrays)
    count = len(_rows(path, 'label', table['label']))
    for name, values in table.items():
        if name != 'classes' and len(_rows(path, name, values)) != count:
            raise ValueError(f'feature file {path}: `{name}` has {len(values)} samples, `label` {count}')
    for name in arrays:
        _check_feature(path, name, table[name])
    for name in {'domain', 'split', 'group'} & set(table):
        table[name] = _names(path, name, _column(path, name, table[name]))
    table['label'], table['classes'] = class_labels(path, table['label'], table.get('classes'))
    check_parts(table, sample_of(path))
    return table


def sample_of(path: str | Path) -> Callable[[int], str]:
    """Where a row lies, for messages."""
    return lambda row: f'feature file {path}, sample {row}'


def check_parts(table: dict[str, np.ndarray], where: Callable[[int], str]) -> None:
    """Refuse an unknown ``split``, and a ``group`` that lies in two domains.

    Args:
        table (dict[str, np.ndarray]): ``domain`` and perhaps ``split`` and ``group``, strings ``(n, )``.
        where (Callable): Row -> its place, for messages.

    Raises:
        ValueError: Naming the first such row and its value.
    """
    unknown = np.flatnonzero(~np.isin(table.get('split', PARTS[:1]), PARTS))
    if len(unknown):
        raise ValueError(f'{where(unknown[0])}: `split` holds {table["split"][unknown[0]].item()!r}, allowed are '
                         f'{PARTS}')
    if 'group' not in table:
        return
    groups, domains = table['group'], table['domain']
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    row = int(np.argmax(domains != domains[first][place]))
    if domains[row] != domains[first][place][row]:
        raise ValueError(f'{where(row)}: `group` {groups[row].item()!r} lies in several domains, '
                         'and each domain is divided on its own: put the name of the domain into that of the group')


def check_finite(path: str | Path, name: str, values: np.ndarray, when: str = '') -> None:
    """Refuse NaN, infinity and what float32 cannot hold.

    Args:
        path (str | Path): File, for the message.
        name (str): Name of the array, for the message.
        values (np.ndarray): One array for each sample, shape ``(n, ...)``.
        when (str): What was done to the values, for the message.

    Raises:
        ValueError: If there is one; the message names row, column and value.
    """
    with np.errstate(invalid='ignore'):
        good = np.abs(values) <= np.finfo(np.float32).max
    if good.all():
        return
    place = tuple(np.argwhere(~good)[0].tolist())
    column = place[1] if len(place) == 2 else place[1:]
    rows = int((~good).reshape(len(good), -1).any(1).sum())
    raise ValueError(f'feature file {path}: `{name}` holds {values[place]} in row {place[0]}, column {column}{when} '
                     f'({rows} of {len(values)} rows hold NaN, infinity or what float32 cannot hold): repair or remove '
                     'these rows')


def _read(path: Path, arrays: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays as they lie in the file."""
    if not path.is_file():
        raise FileNotFoundError(f'feature file {path} does not exist: check `ann_file` ({PAGE})')
    if not zipfile.is_zipfile(path):
        raise ValueError(f'feature file {path} ({path.stat().st_size} bytes) is no .npz file, or is cut short: write '
                         f'it with numpy.savez ({PAGE})')
    with np.load(path, allow_pickle=False) as file:
        lacking = [name for name in (*arrays, 'label', 'domain') if name not in file.files]
        if lacking:
            raise ValueError(f'feature file {path} lacks the arrays {lacking}: it has {file.files}')
        wanted = dict.fromkeys([*arrays, 'label', 'domain', *(n for n in OPTIONAL if n in file.files)])
        return {name: _array(path, name, file) for name in wanted}


def _array(path: Path, name: str, file: Any) -> np.ndarray:
    try:
        values = file[name]
    # A damaged archive may fail anywhere in the reading; the caller needs one kind of error.
    except Exception as error:
        remedy = ('it holds Python objects, perhaps rows of different length: make one array of numbers or strings'
                  if 'allow_pickle' in str(error) else f'{error or type(error).__name__}: write the file again')
        raise ValueError(f'feature file {path}: `{name}` cannot be read: {remedy} ({PAGE})') from error
    if not isinstance(values, np.ndarray):
        raise ValueError(f'feature file {path}: `{name}` is no array: write the file with numpy.savez ({PAGE})')
    return values


def _rows(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if not values.ndim or not len(values):
        raise ValueError(f'feature file {path}: `{name}` has shape {values.shape} and so no samples ({PAGE})')
    return values


def _check_feature(path: Path, name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in 'fiub':
        raise ValueError(f'feature file {path}: `{name}` holds {values.dtype}, features must be numbers')
    if values.ndim < 2 or not values.size:
        raise ValueError(f'feature file {path}: `{name}` has shape {values.shape}: the first axis counts the samples, '
                         'and each needs at least one number, such as (n, 1)')
    check_finite(path, name, values)


def _column(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """One value for each sample, ``(n, )``; a single column ``(n, 1)`` says the same."""
    if values.size != len(values):
        raise ValueError(f'feature file {path}: `{name}` has shape {values.shape}, one value for each sample is needed'
                         + (' (of one-hot rows, `label.argmax(1)`)' if name == 'label' else ''))
    return values.reshape(-1)


def _names(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in 'SUiu':
        raise ValueError(f'feature file {path}: `{name}` holds {values.dtype}, it must hold names')
    return np.char.decode(values, 'utf-8') if values.dtype.kind == 'S' else values.astype(str)


def class_labels(path: Path, values: np.ndarray, classes: np.ndarray | None,
                 where: Callable[[int], str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the classes ``(N, )``, from indices or from names, and the names of the classes ``(C, )``.

    A file may go without ``classes``: they are then the names among the labels, or the numbers up to the largest one.
    ``where`` says where a row lies, for messages.

    Raises:
        ValueError: Naming the file, the first bad row and its value.
    """
    where = where or sample_of(path)
    values = _column(path, 'label', values)
    named = values.dtype.kind in 'SU'
    if named:
        values = _names(path, 'label', values)
    if classes is None:
        classes = np.unique(values) if named else _numbers(path, values, where).astype(str)
    classes = _names(path, 'classes', _column(path, 'classes', _rows(path, 'classes', classes)))
    if len(set(classes)) != len(classes):
        raise ValueError(f'feature file {path}: `classes` names one class twice: {classes.tolist()}')
    allowed = f'the classes are {classes.tolist()}' if named else (
        f'the labels are 0 to {len(classes) - 1} {tuple(classes.tolist())}')
    good = np.isin(values, classes) if named else _indices(path, values, len(classes))
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f'{where(row)}: label {values[row].item()!r} is unknown, {allowed}')
    order = np.argsort(classes)
    return (order[np.searchsorted(classes, values, sorter=order)] if named else values.astype(np.int64)), classes


def _numbers(path: Path, values: np.ndarray, where: Callable[[int], str]) -> np.ndarray:
    """0 to the largest label: the classes of a file that does not name them."""
    good = _indices(path, values, MOST_CLASSES)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f'{where(row)}: label {values[row].item()!r} is no number of a class; '
                         'labels are 0, 1, 2, ..., or names')
    return np.arange(int(values.max(initial=-1)) + 1)


def _indices(path: Path, values: np.ndarray, count: int) -> np.ndarray:
    """Which labels are whole numbers from 0 to ``count - 1``."""
    if values.dtype.kind not in 'fiub':
        raise ValueError(f'feature file {path}: `label` holds {values.dtype}, it must hold whole numbers or names')
    return (values >= 0) & (values < count) & (values == np.floor(values))
