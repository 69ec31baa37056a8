"""Samples of one table: a row for each, a column of files for each modality."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.datasets.divided import DividedDataset
from mmda_ext.datasets.feature_checks import check_parts
from mmda_ext.datasets.table_checks import WITHOUT_CLOCK, faults
from mmda_ext.datasets.table_columns import check_kind, kind_of
from mmda_ext.datasets.table_file import Table, read_table
from mmda_ext.registry import DATASETS

#: Kind -> the key under which a decoder looks for its file.
KEYS = {'video': 'filename', 'frames': 'frame_dir', 'audio': 'audio_path', 'array': 'array_path'}


@DATASETS.register_module()
class TableDataset(DividedDataset):
    """Samples of a ``.csv`` or ``.parquet`` table: ``label``, ``domain`` and a column for each modality.

    A cell of a modality is the path of a video, of a folder of numbered images, of a sound (or of a video, whose sound
    track is meant) or of a ``.npy`` array, or a text itself. Optional columns: ``split`` and ``group`` as in
    :class:`DividedDataset`; ``start`` and ``stop``, the seconds of the files that the row stands for; and for images
    and arrays, which have no clock, ``<column>_rate``, images or steps per second. Labels are names, or numbers from 0;
    ``metainfo=dict(classes=...)`` names the classes and their order.

    An entry holds ``filename`` (``mmda_ext.OpenVideo``), ``frame_dir`` (``mmda_ext.OpenFrames``), ``audio_path``
    (``mmda_ext.LoadAudio``), ``array_path`` (``mmda_ext.LoadArray``) or ``text`` (``mmda_ext.HashWords``), and
    ``start_time``, ``stop_time`` and ``rate``, which ``mmda_ext.CutToSegment`` and the loaders read.

    Args:
        ann_file (str): The table.
        domains (Sequence[str]): Domains whose samples this instance holds.
        source_domains (Sequence[str]): The ordered training domains.
        modalities (Sequence[str] | Mapping[str, str]): Modalities, each a column of the same name, or a mapping from
            modalities to names of columns.
        kinds (Mapping[str, str], optional): Modality -> ``'video'``, ``'frames'``, ``'audio'``, ``'array'`` or
            ``'text'``; of those that are not named, the names in the column tell.
        root (str, optional): Folder that paths start from and must not leave; without it they start from the folder of
            the table, and may.
        **kwargs: See :class:`DividedDataset`.

    Raises:
        FileNotFoundError: If there is no table, or more files are missing than ``max_missing`` allows.
        ImportError: If the table is parquet, and pyarrow is not installed.
        ValueError: If an option is unknown, or a row cannot be used; the message names row and column.
    """

    FIELD = 'column'
    REMEDY = 'correct the paths in the table or `root`; tools/data/check_data.py lists all of them (docs/own_data.md)'

    def __init__(self,
                 ann_file: str,
                 domains: Sequence[str],
                 source_domains: Sequence[str],
                 modalities: Sequence[str] | Mapping[str, str],
                 kinds: Mapping[str, str] | None = None,
                 root: str | None = None,
                 **kwargs: Any) -> None:
        self.stated_kinds = {name: check_kind(kind, name) for name, kind in (kinds or {}).items()}
        self.root = root
        super().__init__(ann_file, domains, source_domains, modalities, **kwargs)

    def read_fields(self) -> dict[str, np.ndarray]:
        self._cells = read_table(self.ann_file, tuple(self.fields.values()))
        self.data_root = str(Path(self.ann_file).parent if self.root is None else self.root)
        self.kinds = {name: self._kind(name, column) for name, column in self.fields.items()}
        for fault in self.faults(self._cells):
            raise ValueError(fault)
        fields = {name: np.array(cells) for name, cells in self._cells.columns.items()
                  if name in ('domain', 'split', 'group')}
        check_parts(fields, self._cells.where)
        fields['label'], fields['classes'] = self._cells.labels(self._metainfo.get('classes'))
        return fields

    def faults(self, table: Table) -> Iterator[str]:
        """See :func:`mmda_ext.datasets.table_checks.faults`."""
        return faults(table, {self.fields[name]: kind for name, kind in self.kinds.items()}, self.root)

    def load_data_list(self) -> list[dict[str, Any]]:
        samples = super().load_data_list()
        del self._table, self._parts, self._cells
        return samples

    def _kind(self, name: str, column: str) -> str:
        kind = self.stated_kinds.get(name) or kind_of(self._cells, column, Path(self.data_root))
        if kind is None:
            raise ValueError(f'{self._cells.where(0, column)}: {self._cells.columns[column][0]!r} is no path of a file '
                             f'that is known, so what {name} is cannot be told: state it, kinds=dict({name}=\'text\') '
                             '(docs/own_data.md)')
        return kind

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        for row in self.rows_of(domain):
            yield {
                'sample_id': self._cells.places[row].replace(' ', ''),
                'label': int(self._table['label'][row]),
                'where': self._cells.where(row, 'label'),
                'split': str(self._parts[row]),
                'modalities': {name: self._entry(name, row) for name in self.modalities}}

    def _entry(self, name: str, row: int) -> dict[str, Any]:
        kind, column, cells = self.kinds[name], self.fields[name], self._cells
        if kind == 'text':
            return {'text': cells.columns[column][row]}
        entry: dict[str, Any] = {
            KEYS[kind]: str(Path(self.data_root) / cells.columns[column][row]),
            'start_time': cells.number(row, 'start'),
            'stop_time': cells.number(row, 'stop')}
        if kind in WITHOUT_CLOCK:
            rate = cells.number(row, f'{column}_rate')
            entry = {**entry, 'rate': rate} if rate else {KEYS[kind]: entry[KEYS[kind]]}
        if kind in ('video', 'frames'):
            entry.update(modality='RGB', start_index=0)
        return entry
