"""Read the published EPIC-Kitchens splits, pickles of an old pandas, without pandas and without trust.

A pickle can run any code when it is loaded. The files ``D{1,2,3}_{train,test}.pkl`` need eight names only; each of them
is answered here by a stand-in that stores what it is given, and every other name is refused. Nothing of pandas or NumPy
is called while the file is read, so the versions of both do not matter.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

#: Kinds of numbers that a column may hold, as pandas wrote them; ``O`` is a list of plain Python objects.
PLAIN_DTYPES = ('b1', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8')


#: Packages of which tables ask for other names when a newer pandas wrote them. No such name is ever looked up.
WRITERS = ('numpy', 'pandas', 'pyarrow')
NEWER = ('; if you wrote it with a pandas of today, write a table in its place: '
         '`table.to_csv("D1_train.csv", index=False)`')


class _Stored:
    """Base of the stand-ins: keeps the state that the pickle hands over, whatever it is."""

    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Frame(_Stored):
    """Stands for ``pandas.DataFrame``."""


class _Manager(_Stored):
    """Stands for the ``BlockManager``, whose state is (axes, values of the blocks, items of the blocks, ...)."""


class _Index(_Stored):
    """Stands for an index; ``arguments`` are the class and the dict of its parts."""


class _Dtype(_Stored):
    """Stands for ``numpy.dtype``; ``arguments[0]`` is its name and ``state[1]`` the byte order."""


class _Array(_Stored):
    """Stands for ``numpy.ndarray``, whose state is (version, shape, dtype, Fortran order, bytes or list)."""


def _reconstruct(*arguments: Any) -> _Array:
    return _Array()


STAND_INS: dict[tuple[str, str], Any] = {
    ('pandas.core.frame', 'DataFrame'): _Frame,
    ('pandas.core.internals.managers', 'BlockManager'): _Manager,
    ('pandas.core.internals', 'BlockManager'): _Manager,
    ('pandas.core.indexes.base', '_new_Index'): _Index,
    ('pandas.core.indexes.base', 'Index'): _Index,
    ('pandas.core.indexes.range', 'RangeIndex'): _Index,
    ('pandas.core.indexes.numeric', 'Int64Index'): _Index,
    ('numpy.core.multiarray', '_reconstruct'): _reconstruct,
    ('numpy._core.multiarray', '_reconstruct'): _reconstruct,
    ('numpy', 'ndarray'): _Array,
    ('numpy', 'dtype'): _Dtype,
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Finds the stand-ins and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f'it asks for `{module}.{name}`, which no published split file needs' +
                                         (NEWER if module.partition('.')[0] in WRITERS else ', so it may run code'))
        return STAND_INS[module, name]


def read_split_pickle(path: str | Path) -> dict[str, list[Any]]:
    """Read a pickled table.

    Args:
        path (str | Path): The file.

    Returns:
        dict[str, list]: Values of each column, in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not such a pickle, or asks for any other name than the eight.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'split file {path} does not exist: check `ann_dir` (docs/data.md)')
    try:
        with path.open('rb') as file:
            return _columns(_RestrictedUnpickler(file).load())
    # A hostile or truncated file may fail anywhere in the reading; the caller needs one kind of error.
    except Exception as error:
        raise ValueError(f'split file {path} was refused: {error or type(error).__name__}. '
                         'Use the published file, or a table .csv (docs/data.md)') from error


def _columns(frame: Any) -> dict[str, list[Any]]:
    """Take the table apart: one row of a block's values for each item of the block."""
    if not isinstance(frame, _Frame) or not isinstance(frame.state, dict):
        raise ValueError('it does not hold a pandas DataFrame')
    manager = frame.state.get('_data', frame.state.get('_mgr'))
    if not isinstance(manager, _Manager):
        raise ValueError(f'it does not hold a BlockManager of pandas 0.x or 1.0-1.2{NEWER}')
    axes, blocks, items = manager.state[:3]
    found: dict[str, list[Any]] = {}
    for values, names in zip(blocks, items):
        found.update(zip(_labels(names), _to_numpy(values).tolist()))
    return {name: found[name] for name in _labels(axes[0])}


def _labels(index: _Index) -> list[str]:
    return [str(label) for label in _to_numpy(index.arguments[1]['data']).tolist()]


def _to_numpy(array: _Array) -> np.ndarray:
    """Turn the stand-in into an array, from numbers or from a list only."""
    _, shape, dtype, fortran, data = array.state
    name = str(dtype.arguments[0])
    if isinstance(data, list):
        values = np.empty(len(data), dtype=object)
        values[:] = data
    elif name in PLAIN_DTYPES:
        values = np.frombuffer(data, dtype=np.dtype(name).newbyteorder('>' if dtype.state[1] == '>' else '<'))
    else:
        raise ValueError(f'it holds an array of type {name!r}, which is neither numbers nor a list')
    return values.reshape(shape, order='F' if fortran else 'C')
