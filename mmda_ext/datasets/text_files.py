"""The one way to read lists and tables: UTF-8 with or without a byte order mark, or a sentence that says why not."""

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path

#: What a file of another encoding may begin with. UTF-32 first: its little-endian mark begins with that of UTF-16.
FOREIGN_MARKS = {codecs.BOM_UTF32_LE: 'UTF-32', codecs.BOM_UTF32_BE: 'UTF-32', codecs.BOM_UTF16_LE: 'UTF-16',
                 codecs.BOM_UTF16_BE: 'UTF-16'}
REMEDY = 'save it as UTF-8 (in a spreadsheet: "CSV UTF-8"; or `iconv -f {} -t UTF-8`)'


def read_text(path: str | Path, stray_bytes: bool = False) -> str:
    """Read a text file in UTF-8; a byte order mark, which spreadsheets write, is dropped.

    Args:
        path (str | Path): The file.
        stray_bytes (bool): Replace bytes that are not UTF-8, for releases that mix encodings.

    Returns:
        str: The text, its line ends as they are.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is in another encoding; the message names file, line and byte.
    """
    content = Path(path).read_bytes()
    for mark, encoding in FOREIGN_MARKS.items():
        if content.startswith(mark):
            raise ValueError(f'{path}, line 1: the file is in {encoding}, not in UTF-8: {REMEDY.format(encoding)}')
    try:
        return content.decode('utf-8-sig', errors='replace' if stray_bytes else 'strict')
    except UnicodeDecodeError as error:
        # The decoder counts behind the mark.
        start = error.start + len(content) - len(error.object)
        line = content.count(b'\n', 0, start) + 1
        raise ValueError(f'{path}, line {line}: byte {start} is 0x{content[start]:02x}, so the file is not in UTF-8: '
                         f'{REMEDY.format("WINDOWS-1252")}') from error


def check_columns(where: str, names: Sequence[str], required: Sequence[str], page: str) -> None:
    """Refuse a table without the columns that it must have, or with two of one name.

    Args:
        where (str): File and line, for messages.
        names (Sequence[str]): Columns that it has.
        required (Sequence[str]): Columns that it must have.
        page (str): Page of the documentation that describes the table, for messages.

    Raises:
        ValueError: Naming the columns.
    """
    if not names:
        raise ValueError(f'{where}: the file is empty, it must begin with the names of its columns: {list(required)} '
                         f'({page})')
    missing = [name for name in required if name not in names]
    if missing:
        other = next((sign for sign in ';\t' if len(names) == 1 and sign in names[0]), None)
        remedy = f': separate them by commas, not by {other!r}' if other else ''
        raise ValueError(f'{where}: columns {missing} are missing, it has {list(names)}{remedy} ({page})')
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise ValueError(f'{where}: column {twice[0]!r} is there twice: rename or remove one of them ({page})')


def read_csv(path: str | Path, required: Sequence[str], page: str) -> list[tuple[int, dict[str, str]]]:
    """Read a table with commas and a line of column names; columns may have any order.

    Args:
        path (str | Path): The file.
        required (Sequence[str]): Columns that it must have.
        page (str): Page of the documentation that describes the table, for messages.

    Returns:
        list[tuple[int, dict]]: Number of the line on which each row ends, and its fields by column.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty, is in another encoding, lacks a column or has one twice, or a row has more or fewer
            fields than columns.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=''))
    try:
        check_columns(f'{path}, line 1', list(reader.fieldnames or ()), required, page)
        rows = [(reader.line_num, dict(row)) for row in reader]
    except csv.Error as error:
        raise ValueError(f'{path}, line {reader.line_num + 1}: {error}: it must be a table with commas '
                         f'({page})') from error
    for line, row in rows:
        if None in row or None in row.values():
            problem = 'more' if None in row else 'fewer'
            raise ValueError(f'{path}, line {line}: {problem} fields than line 1 has columns; a field with a comma '
                             'must stand in double quotes')
    return rows
