"""File names that come from lists, tables and command lines stay below the folder that they are joined to."""

import re

#: Either kind of separator: a list may be written on one system and read on another.
_SEPARATOR = re.compile(r'[/\\]')
_ABSOLUTE = re.compile(r'[/\\]|[A-Za-z]:')


def check_inside(name: object, where: str) -> str:
    """Refuse a name that could leave its folder, by its letters alone; links on the disk are the user's own.

    Args:
        name (object): Relative name of a file or folder, as it was read.
        where (str): File and row, or option, for the message.

    Returns:
        str: The name, unchanged.

    Raises:
        ValueError: If it is empty, no text, absolute, or has ``..`` among its parts.

    >>> check_inside('faces/Ses01F_impro01_F000', 'source.csv, line 2')
    'faces/Ses01F_impro01_F000'
    """
    if not isinstance(name, str) or not name.strip() or '\0' in name:
        raise ValueError(f'{where}: {name!r} is no name of a file')
    if _ABSOLUTE.match(name) or '..' in _SEPARATOR.split(name):
        raise ValueError(f'{where}: {name!r} leaves the folder that it belongs to: names in lists are relative, '
                         'without ".."')
    return name
