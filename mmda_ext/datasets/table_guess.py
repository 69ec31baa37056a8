"""What a table holds, told by its cells and by a look into a few of its files; for configs/datasets/table.py."""

import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.datasets.errors import MediaError, reports_bad_file
from mmda_ext.datasets.sound_track import CONTAINERS
from mmda_ext.datasets.table import TableDataset
from mmda_ext.datasets.table_columns import kinds_of, passed_over
from mmda_ext.datasets.table_file import Table, read_table
from mmda_ext.datasets.transforms.segment import LoadArray, open_array

#: Files that are looked into for a length or a width.
LOOKED_INTO = 8
#: Arrays that mean and deviation are taken from, evenly over the training samples.
MEASURED = 200
#: Seconds of sound that a spectrogram holds, at least and at most.
SHORTEST, LONGEST = 1., 10.


@dataclass(frozen=True)
class TableFile:
    """A table at a glance.

    Args:
        path (str): The file.
        kinds (dict[str, str]): Modality -> kind (:data:`mmda_ext.datasets.table_columns.KINDS`), in its order.
        channels (dict[str, int]): Modality of arrays -> numbers in each step.
        seconds (dict[str, float]): Modality of sound -> length of the longest sample that was looked into.
        domains (tuple[str, ...]): Names of the domains, sorted.
        num_classes (int): Number of classes.
        has_split (bool): Whether the table says who trains, validates and tests.
        has_groups (bool): Whether the table says which samples must not be divided.
        others (tuple[str, ...]): Columns that are no modality.
    """

    path: str
    kinds: dict[str, str]
    channels: dict[str, int]
    seconds: dict[str, float]
    domains: tuple[str, ...]
    num_classes: int
    has_split: bool
    has_groups: bool
    others: tuple[str, ...]

    @property
    def grouped(self) -> bool:
        """Whether groups divide the sources."""
        return self.has_groups and not self.has_split

    def scale(self, modality: str, source_domains: Sequence[str]) -> dict[str, list[float]]:
        """``mean`` and ``std`` of each channel of an array over the training samples of the sources.

        Over all steps of at most :data:`MEASURED` samples; a channel that is constant in them is not divided.

        Raises:
            FileNotFoundError: If more files are missing than a data set allows.
            ValueError: If the table has a row that cannot be used, or an array cannot.
        """
        return _scale(self, Path(self.path).stat().st_mtime_ns, modality, tuple(source_domains))

    def __hash__(self) -> int:
        return hash(self.path)

    def say(self, modalities: Sequence[str], words: dict[str, str]) -> list[str]:
        """What was guessed, a line for each modality.

        Args:
            modalities (Sequence[str]): Modalities in use.
            words (dict[str, str]): Kind -> what its pipeline and its encoder are.
        """
        details = {name: f'{count} numbers in each step, ' for name, count in self.channels.items()}
        details |= {name: f'{count:g} s, ' for name, count in self.seconds.items()}
        lines = [f'{self.path}: {self.num_classes} classes, domains {", ".join(self.domains)}; guessed, and changed by '
                 'a config of your own (docs/own_data.md):']
        lines += [f'    {name}: {details.get(name, "")}{words[self.kinds[name]]}' for name in modalities]
        if self.others:
            lines.append(f'    passed over: {", ".join(self.others)} (words are a modality if their column is called '
                         'text, text_... or ..._text)')
        return lines


def describe(path: str, root: str | None = None) -> TableFile:
    """Kinds by the names in the table; widths of arrays and lengths of sounds by a look into a few files.

    Args:
        path (str): A table as in :class:`mmda_ext.datasets.TableDataset`.
        root (str, optional): Folder that paths start from; without it, that of the table.

    Raises:
        FileNotFoundError: If there is no such table, or none of a few files of a modality of arrays.
        ValueError: If the table cannot be read or has no modality.
    """
    table = read_table(path)
    folder = Path(path).parent if root is None else Path(root)
    kinds = kinds_of(table, folder)
    return TableFile(
        path=str(path),
        kinds=kinds,
        channels={name: _channels(table, name, folder) for name, kind in kinds.items() if kind == 'array'},
        seconds={name: _seconds(table, name, folder) for name, kind in kinds.items() if kind == 'audio'},
        domains=tuple(sorted(set(table.columns['domain']))),
        num_classes=len(table.labels()[1]),
        has_split='split' in table.columns,
        has_groups='group' in table.columns,
        others=tuple(passed_over(table, kinds)))


def _some(table: Table, column: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """A few rows, evenly over the table, and their files; those that are not there are left out."""
    count = len(table.places)
    for row in dict.fromkeys(number * count // LOOKED_INTO for number in range(LOOKED_INTO)):
        file = folder / table.columns[column][row].strip()
        if file.is_file():
            yield row, file


def _channels(table: Table, column: str, folder: Path) -> int:
    """Numbers in most steps; arrays of one axis are vectors if they have one length, else signals."""
    shapes = []
    for _, file in _some(table, column, folder):
        with suppress(MediaError):  # told where it is needed
            shapes.append(open_array(str(file)).shape)
    if not shapes:
        raise FileNotFoundError(f'{table.where(0, column)}: neither {table.columns[column][0]!r} nor the other files '
                                f'that were looked for can be read in {folder}: correct the paths in the table '
                                '(docs/own_data.md)')
    if all(len(shape) == 1 for shape in shapes):
        is_vector = len(set(shapes)) == 1 and f'{column}_rate' not in table.columns
        return shapes[0][0] if is_vector else 1
    return Counter(math.prod(shape[1:]) for shape in shapes).most_common(1)[0][0]


def _seconds(table: Table, column: str, folder: Path) -> float:
    """Length of the longest of a few sounds or segments, up to the next half second."""
    found = [SHORTEST]
    for row, file in _some(table, column, folder):
        start, stop = table.number(row, 'start') or 0., table.number(row, 'stop')
        found.append((_length(file) if stop is None else stop) - start)
    return min(LONGEST, math.ceil(2 * max(found) - .02) / 2) if len(found) > 1 else LONGEST


def _length(file: Path) -> float:
    """Seconds of sound; 0 of a file that cannot be read, which is told when it is needed."""
    try:
        if file.suffix.lower() in CONTAINERS:
            from mmda_ext.datasets.video_index import open_container
            with open_container(str(file)) as container:
                return (container.duration or 0) / 1e6
        import soundfile
        return soundfile.info(file).duration
    except Exception as error:
        if not reports_bad_file(error):
            raise
        return 0.


@functools.lru_cache(maxsize=64)
def _scale(file: TableFile, _modified: int, modality: str, source_domains: tuple[str, ...]) -> dict[str, list[float]]:
    data = TableDataset(file.path, source_domains, source_domains, (modality, ), kinds={modality: 'array'},
                        grouped=file.grouped, split='train')
    load = LoadArray(file.channels[modality])
    chosen = np.unique(np.linspace(0, len(data) - 1, min(MEASURED, len(data))).round().astype(int)).tolist()
    sums: Any = np.zeros((2, file.channels[modality]))
    count = 0
    for index in chosen:
        try:
            values = load(data.get_data_info(index)['modalities'][modality])['feature'].astype(np.float64)
        except MediaError as error:
            raise ValueError(f'{file.path}, column {modality}: {error}') from error
        sums += values.sum(0), (values**2).sum(0)
        count += len(values)
    mean = sums[0] / count
    variance = np.maximum(sums[1] / count - mean**2, 0.)
    # Rounding leaves something of a constant.
    constant = variance <= 1e-12 * np.maximum(mean**2, 1e-12)
    return dict(mean=mean.tolist(), std=np.where(constant, 1., np.sqrt(variance)).tolist())
