"""What a column of a table holds: the kind of its modality, told by the ends of the names in it."""

import re
from collections import Counter
from pathlib import Path

from mmda_ext.choices import choose
from mmda_ext.datasets.sound_track import CONTAINERS
from mmda_ext.datasets.table_file import RESERVED, Table

_SOUND_ONLY = ('.m4a', '.aac', '.wma')
_VIDEO = tuple(suffix for suffix in CONTAINERS if suffix not in _SOUND_ONLY)
_SOUND = ('.wav', '.flac', '.ogg', '.opus', '.mp3', '.aif', '.aiff', '.au', '.w64', *_SOUND_ONLY)
#: Kind -> ends of names of its files; a folder of images and a text have none.
SUFFIXES = {'video': _VIDEO, 'audio': _SOUND, 'array': ('.npy', )}
KINDS = (*SUFFIXES, 'frames', 'text')
#: Kind -> ends of names that a column of that kind may hold. Videos have sound.
ALLOWED = {**SUFFIXES, 'audio': (*_SOUND, *_VIDEO)}
#: Columns of videos with one of these in their name are meant for the sound track.
SOUND_NAMES = re.compile('audio|sound|speech|voice|music', re.I)
TEXT_NAME = re.compile('text|.*_text|text_.*', re.I)
#: Letters behind a point: the name of a file, and no sentence.
_ENDING = re.compile(r'[^\s.]\.[A-Za-z]\w{1,4}')
#: Cells that are looked up as folders.
LOOKED_UP = 20


def suffix_kind(cell: str) -> str:
    """Kind of the file that a cell names, or ``''``."""
    suffix = Path(cell.strip()).suffix.lower()
    return next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), '')


def kind_of(table: Table, column: str, folder: Path) -> str | None:
    """Kind of most cells of a column, None where it holds no modality: numbers, or words of another name than text.

    Args:
        table (Table): The table.
        column (str): Name of the column.
        folder (Path): Where relative names start.

    Raises:
        ValueError: If all cells end as names of files do, and no end is known.
    """
    cells = [(row, cell.strip()) for row, cell in enumerate(table.columns[column]) if cell.strip()]
    if not cells:
        return None
    if TEXT_NAME.fullmatch(column):
        return 'text'
    kinds = Counter(kind for _, cell in cells if (kind := suffix_kind(cell)))
    if kinds:
        sounds = kinds['video'] and SOUND_NAMES.search(column)
        return 'audio' if sounds else kinds.most_common(1)[0][0]
    if _are_folders([cell for _, cell in cells], folder):
        return 'frames'
    if all(_ENDING.search(cell[-7:]) for _, cell in cells):
        row, cell = cells[0]
        raise ValueError(f'{table.where(row, column)}: {cell!r} {_unknown_ending(cell)}: convert the files, or remove '
                         'the column from the table')
    return None


def kinds_of(table: Table, folder: Path) -> dict[str, str]:
    """Modalities of a table -> their kinds, in its order.

    Raises:
        ValueError: If there is none.
    """
    names = [name for name in table.columns if name not in RESERVED and not _is_rate(name, table)]
    found = {name: kind for name in names if (kind := kind_of(table, name, folder)) is not None}
    if not found:
        raise ValueError(f'{table.path} has no modality: it needs a column with paths of videos, folders of images, '
                         f'sounds or .npy arrays, or a column `text`; it has {list(table.columns)} (docs/own_data.md)')
    return found


def passed_over(table: Table, kinds: dict[str, str]) -> list[str]:
    """Columns that say nothing to a model."""
    return [name for name in table.columns
            if name not in RESERVED and name not in kinds and not _is_rate(name, table)]


def check_kind(kind: str, column: str) -> str:
    """A kind that is known.

    Raises:
        ValueError: If it is not.
    """
    return choose(f'kinds[{column!r}]', kind, KINDS)


def misfit(kind: str, cell: str) -> str:
    """What is wrong with a cell of a column of that kind, or ``''``."""
    if kind == 'text':
        return 'names a file, but the column holds texts: write the text itself' if cell.endswith('.txt') and not (
            re.search(r'\s', cell.strip())) else ''
    own = suffix_kind(cell)
    if kind == 'frames':
        return f'is a file of kind {own}, but the column holds folders of images: one kind in a column' if own else ''
    if Path(cell.strip()).suffix.lower() in ALLOWED[kind]:
        return ''
    return (f'is of kind {own}, but the column holds {kind} files: one kind in a column' if own
            else _unknown_ending(cell))


def _unknown_ending(cell: str) -> str:
    known = '; '.join(f'{kind}: {" ".join(suffixes)}' for kind, suffixes in SUFFIXES.items())
    return f'has the unknown extension {Path(cell.strip()).suffix!r}; known are {known}'


def _is_rate(name: str, table: Table) -> bool:
    return name.endswith('_rate') and name.removesuffix('_rate') in table.columns


def _are_folders(cells: list[str], folder: Path) -> bool:
    """Whether one of the first cells is a folder, or all look like paths of one."""
    short = [cell for cell in cells[:LOOKED_UP] if len(cell) < 250 and '\0' not in cell]
    paths = all(re.fullmatch(r'[^\s/\\]*([/\\][^\s/\\]+)+', cell) for cell in cells)
    return paths or any((folder / cell).is_dir() for cell in short)
