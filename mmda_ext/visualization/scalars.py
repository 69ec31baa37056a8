"""Reads the scalars that a run leaves in its work directory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def scalar_files(folder: str | Path) -> Iterator[list[dict[str, Any]]]:
    """Lines of every ``<time>/vis_data/scalars.json`` below a work directory, oldest file first.

    A resumed run has several files; where they overlap, the later one counts. A last line that a stop has cut off is
    passed over.
    """
    for path in sorted(Path(folder).glob('*/vis_data/scalars.json')):
        entries = []
        for line in path.read_text().splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        yield entries
