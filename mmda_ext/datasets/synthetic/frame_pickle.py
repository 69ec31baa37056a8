"""Writes split tables as the published EPIC-Kitchens pickles are built, without pandas.

Those files are data frames of an old pandas (protocol 4, a ``BlockManager`` of one integer and one object block).
Stand-in classes carry pandas' names into the stream, so the bytes name the same globals and readers see the same state.
"""

import io
import pickle
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

COLUMNS = (
    'uid',
    'participant_id',
    'video_id',
    'narration',
    'start_timestamp',
    'stop_timestamp',
    'start_frame',
    'stop_frame',
    'verb',
    'verb_class',
)
INTEGER_COLUMNS = ('uid', 'start_frame', 'stop_frame', 'verb_class')


def _stand_in(module: str, name: str) -> type:
    return type(name, (), {'__module__': module, '__qualname__': name})


_DataFrame = _stand_in('pandas.core.frame', 'DataFrame')
_BlockManager = _stand_in('pandas.core.internals.managers', 'BlockManager')
_Index = _stand_in('pandas.core.indexes.base', 'Index')
_RangeIndex = _stand_in('pandas.core.indexes.range', 'RangeIndex')
_new_index = _stand_in('pandas.core.indexes.base', '_new_Index')
# numpy 2 names it numpy._core.multiarray; the published files and every reader of them know the old name.
_reconstruct = _stand_in('numpy.core.multiarray', '_reconstruct')
_STAND_INS = (_DataFrame, _BlockManager, _Index, _RangeIndex, _new_index, _reconstruct)


class _Call:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: type, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments


class _State:
    """Pickles as an instance of ``kind`` with ``state``."""

    def __init__(self, kind: type, state: Any) -> None:
        self.kind, self.state = kind, state


# The pure Python pickler: the compiled one has no seam for how a class is named. Type stubs know little of it.
_PurePickler: Any = pickle._Pickler


class _Pickler(_PurePickler):
    """Pickler that writes stand-ins by name instead of importing what they stand for."""

    dispatch = dict(_PurePickler.dispatch)

    def save_type(self, obj: type) -> None:
        if obj not in _STAND_INS:
            super().save_type(obj)
            return
        self.save(sys.intern(obj.__module__))
        self.save(sys.intern(obj.__qualname__))
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    dispatch[type] = save_type

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.ndarray):
            return _reconstruct, (np.ndarray, (0,), b'b'), obj.__reduce__()[2]
        return NotImplemented

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Call):
            self.save_reduce(obj.function, obj.arguments, obj=obj)
        elif isinstance(obj, _State):
            self._save_state(obj)
        else:
            super().save(obj, save_persistent_id)

    def _save_state(self, obj: _State) -> None:
        self.save(obj.kind)
        self.save(())
        self.write(pickle.NEWOBJ)
        self.memoize(obj)
        self.save(obj.state)
        self.write(pickle.BUILD)


def _object_array(values: Sequence[Any]) -> np.ndarray:
    return np.array(values, dtype=object)


def _index(names: Sequence[str]) -> _Call:
    return _Call(_new_index, _Index, {'data': _object_array(list(names)), 'name': None})


def _block(rows: Sequence[dict[str, Any]], names: Sequence[str], dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([[row[name] for row in rows] for name in names], dtype=dtype)
    return values, np.array([COLUMNS.index(name) for name in names], dtype='<i8')


def dumps_split(rows: Sequence[dict[str, Any]]) -> bytes:
    """Pickle a split table.

    Args:
        rows (Sequence[dict]): One dict per segment with the keys ``COLUMNS``; at least one.

    Returns:
        bytes: Protocol 4 pickle of the same structure as the published split files.

    Raises:
        ValueError: If there is no row or a row lacks a column.
    """
    missing = sorted({name for row in rows for name in COLUMNS if name not in row})
    if not rows or missing:
        raise ValueError(f'split table with {len(rows)} rows; missing columns: {missing}')
    text = [name for name in COLUMNS if name not in INTEGER_COLUMNS]
    blocks = [_block(rows, INTEGER_COLUMNS, '<i8'), _block(rows, text, object)]
    axes = [_index(COLUMNS), _Call(_new_index, _RangeIndex, {'name': None, 'start': 0, 'stop': len(rows), 'step': 1})]
    items = [_index(INTEGER_COLUMNS), _index(text)]
    extra = {'axes': axes, 'blocks': [{'values': values, 'mgr_locs': place} for values, place in blocks]}
    manager = _State(_BlockManager, (axes, [values for values, _ in blocks], items, {'0.14.1': extra}))
    frame = _State(_DataFrame, {'_data': manager, '_typ': 'dataframe', '_metadata': [], 'attrs': {}})
    stream = io.BytesIO()
    _Pickler(stream, protocol=4).dump(frame)
    return stream.getvalue()
