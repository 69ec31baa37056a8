"""``source.csv`` and ``target.csv``: the neutral form that the data sets read and the tools write."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from mmda_ext.datasets.text_files import read_csv
from mmda_ext.file_names import check_inside

REQUIRED = ('utterance', 'label', 'text', 'speaker', 'session', 'split', 'faces', 'wav')
PARTS = ('train', 'val', 'test')
#: Who writes tables, for messages.
TOOLS = 'tools/data/prepare_iemocap.py or tools/data/prepare_msp_improv.py (docs/emotion_data.md)'


@dataclass(frozen=True)
class Row:
    """A line of a table; files are named relative to the folder of the table.

    Args:
        utterance (str): Unique in the table.
        label (str): Name of the class.
        text (str): Words, perhaps none.
        speaker (str): Who speaks.
        session (str): Recording session.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        faces (str): Folder with ``0001.jpg``, ...; empty: the utterance has no pictures.
        wav (str): Sound file; empty: the utterance has no sound.
        num_faces (str): How many pictures there are; empty: look.
        dialog (str): For reading by people, as are the next three.
        raw_label (str): Label of the release.
        start (str): Seconds in the video.
        end (str): The same.
    """

    utterance: str
    label: str
    text: str
    speaker: str
    session: str
    split: str
    faces: str
    wav: str
    num_faces: str = ''
    dialog: str = ''
    raw_label: str = ''
    start: str = ''
    end: str = ''


COLUMNS = tuple(item.name for item in fields(Row))


def format_table(rows: Iterable[Row]) -> str:
    """Text of a table, with a line of column names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    return out.getvalue()


def read_table(path: Path) -> list[tuple[int, Row]]:
    """Read a table; columns may have any order, and columns of other names are passed over.

    Args:
        path (Path): The file.

    Returns:
        list[tuple[int, Row]]: Number of the line on which each row ends, and the row.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a row is too short or too long, a split is unknown, a name leaves the
            folder, or it is not in UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist: make it with {TOOLS}')
    rows = [(line, _row(path, line, record)) for line, record in read_csv(path, REQUIRED, 'docs/emotion_data.md')]
    if not rows:
        raise ValueError(f'{path} has no rows: make it again with {TOOLS}')
    return rows


def _row(path: Path, line: int, record: dict[str, str]) -> Row:
    row = Row(**{name: record[name] for name in COLUMNS if name in record})
    if row.split not in PARTS:
        raise ValueError(f'{path}, line {line}: split={row.split!r} is unknown: use one of {PARTS}')
    for column in ('faces', 'wav'):
        if getattr(row, column):
            check_inside(getattr(row, column), f'{path}, line {line}, column {column}')
    return row
