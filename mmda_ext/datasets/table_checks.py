"""Everything that is wrong with a table itself, in one sentence each; files are not opened."""

from collections.abc import Iterator, Mapping

from mmda_ext.datasets.table_columns import misfit, suffix_kind
from mmda_ext.datasets.table_file import RESERVED, Table
from mmda_ext.file_names import check_inside

#: Kinds whose files do not say how fast they are.
WITHOUT_CLOCK = ('frames', 'array')


def faults(table: Table, kinds: Mapping[str, str], root: str | None) -> Iterator[str]:
    """Sentences with file, row, column and remedy.

    Args:
        table (Table): The table.
        kinds (Mapping[str, str]): Columns in use -> their kinds.
        root (str | None): Folder that paths must not leave; None: they may.
    """
    for column in [name for name in table.columns if name in ('label', 'domain', 'split', 'group')]:
        for row, cell in enumerate(table.columns[column]):
            if not cell:
                remedy = 'fill it' + ('' if column in ('label', 'domain') else ', or remove the column')
                yield f'{table.where(row, column)} is empty: {remedy}, or remove the row'
    for column, kind in kinds.items():
        yield from _cells(table, column, kind, root)
    yield from _segments(table, kinds)
    yield from _repeated(table, kinds)


def _cells(table: Table, column: str, kind: str, root: str | None) -> Iterator[str]:
    """Cells of a modality that cannot be read."""
    cells = table.columns[column]
    if kind == 'text' and any(cell.strip() for cell in cells):
        cells = [cell or ' ' for cell in cells]  # nothing was said
    for row, cell in enumerate(cells):
        where = table.where(row, column)
        if not cell or (kind != 'text' and not cell.strip()):
            yield f'{where} is empty: name a file, remove the row, or leave {column} out (--modalities)'
        elif problem := misfit(kind, cell):
            yield f'{where}: {cell!r} {problem}'
        elif root is not None and kind != 'text':
            try:
                check_inside(cell, where)
            except ValueError as error:
                yield f'{error} (root={root!r})'


def _segments(table: Table, kinds: Mapping[str, str]) -> Iterator[str]:
    """Stretches that are none, or cannot be found in a file without a clock."""
    clockless = [name for name, kind in kinds.items() if kind in WITHOUT_CLOCK]
    for row in range(len(table.places)):
        try:
            start, stop = table.number(row, 'start'), table.number(row, 'stop')
            rates = [table.number(row, f'{name}_rate') for name in clockless]
        except ValueError as error:
            yield str(error)
            continue
        if stop is not None and (start or 0.) >= stop:
            yield (f'{table.where(row, "start")}: start={start or 0:g} s is not before stop={stop:g} s: correct the '
                   'two, or empty both for the whole file')
        if 0. in rates:
            yield f'{table.where(row, f"{clockless[rates.index(0.)]}_rate")}: a rate of 0: write steps per second'
    lacking = [name for name in clockless if f'{name}_rate' not in table.columns]
    cut = next((row for row in range(len(table.places)) for name in ('start', 'stop')
                if name in table.columns and table.columns[name][row]), None)
    if lacking and cut is not None:
        yield (f'{table.where(cut)} names a segment in seconds, but files of {lacking[0]} have no clock: add a column '
               f'{lacking[0]}_rate with their steps or images per second, empty where a file is the segment already')


def _repeated(table: Table, kinds: Mapping[str, str]) -> Iterator[str]:
    """Rows with the same files and the same segment: one of them may train while the other tests."""
    names = [name for name, cells in table.columns.items() if name not in RESERVED
             and (name in kinds or any(map(suffix_kind, cells[:1])))]
    if all(kinds.get(name) == 'text' for name in names):
        return
    known: dict[tuple[str, ...], int] = {}
    for row in range(len(table.places)):
        key = tuple(table.columns[name][row] for name in (*names, 'start', 'stop') if name in table.columns)
        if key in known:
            yield (f'{table.where(row)} repeats {table.places[known[key]]}: the same files and the same segment; '
                   'remove one of the two')
        known.setdefault(key, row)
