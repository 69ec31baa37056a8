"""Reads a table of samples, from csv or parquet, as words in columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.datasets.feature_checks import class_labels
from mmda_ext.datasets.text_files import check_columns, read_csv
from mmda_ext.stack import installed

PAGE = 'docs/own_data.md'
REQUIRED = ('label', 'domain')
#: Columns that are no modality.
RESERVED = (*REQUIRED, 'split', 'group', 'start', 'stop')
#: Files that ``--dataset`` takes for a table.
SUFFIXES = ('.csv', '.parquet')


@dataclass(frozen=True)
class Table:
    """Cells of a table by column.

    Args:
        path (str): The file.
        columns (dict[str, list[str]]): Name -> cells, in the order of the file; those of :data:`RESERVED` and rates
            without blanks around them.
        places (list[str]): What each row is called, such as ``'line 2'``.
    """

    path: str
    columns: dict[str, list[str]]
    places: list[str]

    def where(self, row: int, column: str = '') -> str:
        """File, row and column, for messages."""
        return f'{self.path}, {self.places[row]}' + (f', column {column}' if column else '')

    def number(self, row: int, column: str) -> float | None:
        """A number that is at least 0, or None where the cell is empty or there is no such column.

        Raises:
            ValueError: If it is something else.
        """
        cell = self.columns[column][row].strip() if column in self.columns else ''
        return read_number(cell, column, self.where(row, column)) if cell else None

    def labels(self, classes: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """As :func:`class_labels`: indices of the classes, int64, and their names.

        Raises:
            ValueError: If a label is not among the classes; the message names its row.
        """
        cells = self.columns['label']
        names = None if classes is None else np.array([str(name) for name in classes])
        known = names is not None and set(cells) <= set(names.tolist())
        values = np.array(cells if known or not all(map(_is_number, cells)) else [float(cell) for cell in cells])
        return class_labels(Path(self.path), values, names, lambda row: self.where(row, 'label'))


def read_table(path: str, modalities: Sequence[str] = ()) -> Table:
    """Read a table; columns may have any order.

    Args:
        path (str): ``.csv`` (UTF-8, commas), or ``.parquet`` where pyarrow is installed.
        modalities (Sequence[str]): Columns that it must have beside ``label`` and ``domain``.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If it is parquet, and pyarrow is not installed.
        ValueError: If it cannot be read, lacks a column or has no rows.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'table {path} does not exist ({PAGE})')
    required = tuple(dict.fromkeys((*REQUIRED, *modalities)))
    if path.endswith('.parquet'):
        columns = _read_parquet(path, required)
        places = [f'row {number}' for number in range(1, len(columns['label']) + 1)]
    else:
        rows = read_csv(path, required, PAGE)
        columns = {name: [row[name] for _, row in rows] for name in (rows[0][1] if rows else ())}
        places = [f'line {line}' for line, _ in rows]
    if not places:
        raise ValueError(f'{path} has no rows: write one for each sample ({PAGE})')
    plain = {*RESERVED, *(f'{name}_rate' for name in columns)}
    return Table(path, {name: [cell.strip() for cell in cells] if name in plain else cells
                        for name, cells in columns.items()}, places)


def _read_parquet(path: str, required: Sequence[str]) -> dict[str, list[str]]:
    if not installed('pyarrow'):
        raise ImportError(f'{path}: reading parquet needs pyarrow: run `pip install pyarrow`, or save the table as csv '
                          f'(`pandas.read_parquet({path!r}).to_csv("table.csv", index=False)`)')
    from pyarrow import ArrowException, parquet
    try:
        content = parquet.read_table(path).to_pydict()
    except (ArrowException, OSError) as error:
        raise ValueError(f'{path} cannot be read as parquet ({error}): write it again') from error
    check_columns(path, list(content), required, PAGE)
    return {name: [_words(value) for value in values] for name, values in content.items()}


def _words(value: Any) -> str:
    """A value as csv would have it; pandas makes floats of whole numbers beside empty cells."""
    if value is None or value != value:
        return ''
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_number(cell: str, column: str, where: str) -> float:
    """The number of a cell, at least 0.

    Args:
        cell (str): The cell.
        column (str): Its column: ``<name>_rate`` holds steps per second, another seconds.
        where (str): File, row and column, for the message.

    Raises:
        ValueError: If it is something else.
    """
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        unit = 'steps or images per second' if column.endswith('_rate') else 'seconds, such as 12.5'
        raise ValueError(f'{where}: {cell!r} is no number that is at least 0: write {unit}')
    return value
