"""EPIC-Kitchens with the three domains of Munro and Damen."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmda_ext.datasets.epic_layouts import LAYOUTS, Segment
from mmda_ext.datasets.multimodal_dataset import MultimodalDataset
from mmda_ext.datasets.split_pickle import read_split_pickle
from mmda_ext.datasets.text_files import read_csv
from mmda_ext.file_names import check_inside
from mmda_ext.registry import DATASETS

COLUMNS = ('video_id', 'start_timestamp', 'stop_timestamp', 'start_frame', 'stop_frame', 'verb_class')
#: What names a row in messages: a column of the published pickles; of a table of one's own the line.
ROW = {'.pkl': 'uid', '.csv': 'line'}
SPLITS = ('train', 'test')


@DATASETS.register_module()
class EpicKitchensDataset(MultimodalDataset):
    """Eight verbs in three kitchens: D1 (participant P08), D2 (P01), D3 (P22).

    Training uses the train files of the source domains, validation the test files of the source domains, and testing
    the test file of the target domain (Munro and Damen, *Multi-Modal Domain Adaptation for Fine-Grained Action
    Recognition*, CVPR 2020; Dong et al., *SimMMDG*, NeurIPS 2023).

    Args:
        ann_dir (str): Folder with ``D{1,2,3}_{train,test}.pkl``, which are read without pandas and cannot run code, or
            with tables ``.csv`` of the same columns for splits of one's own.
        data_root (str): Folder with the media (docs/data.md shows both trees).
        domains (Sequence[str]): Domains whose samples this instance holds.
        source_domains (Sequence[str]): The ordered training domains.
        split (str): ``'train'`` or ``'test'``.
        layout (str): ``'frames'``: folders of frames, one sound file for each video; ``'clips'``: one video file for
            each segment.
        modalities (Sequence[str]): Of ``'video'``, ``'flow'``, ``'audio'``.
        **kwargs: See :class:`MultimodalDataset`.

    Raises:
        ValueError: If an option is unknown, or a split file is empty, lacks a column, or has an unknown label.
    """

    METAINFO = {'classes': ('take', 'put', 'open', 'close', 'wash', 'cut', 'mix', 'pour')}
    DOMAINS = ('D1', 'D2', 'D3')

    def __init__(self,
                 ann_dir: str,
                 data_root: str,
                 domains: Sequence[str],
                 source_domains: Sequence[str],
                 split: str = 'train',
                 layout: str = 'frames',
                 modalities: Sequence[str] = ('video', 'audio'),
                 **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'split={split!r} is unknown: use one of {SPLITS}')
        if layout not in LAYOUTS:
            raise ValueError(f'layout={layout!r} is unknown: use one of {tuple(LAYOUTS)}')
        unknown = [name for name in modalities if name not in LAYOUTS[layout]]
        if unknown:
            raise ValueError(
                f'modalities={tuple(modalities)} names {unknown}: EPIC-Kitchens has {tuple(LAYOUTS[layout])}')
        self.ann_dir, self.split, self.layout = str(ann_dir), split, layout
        super().__init__(domains, source_domains, modalities, data_root, **kwargs)

    def split_file(self, domain: str) -> Path:
        """Split file of one domain: the pickle, or a table ``.csv`` in its place."""
        pickled = Path(self.ann_dir) / f'{domain}_{self.split}.pkl'
        table = pickled.with_suffix('.csv')
        if table.is_file() and pickled.is_file():
            raise ValueError(f'{table} and {pickled.name} both name the same split: remove one of them')
        return table if table.is_file() else pickled

    def split_files(self) -> list[str]:
        return [str(self.split_file(domain)) for domain in self.domains]

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        path = self.split_file(domain)
        for row, segment in read_segments(path, domain, self.split):
            yield {
                'sample_id': f'{segment.video_id}_{segment.start_frame}_{segment.stop_frame}',
                'label': segment.label,
                'where': f'{path}, {row}',
                'modalities': {name: LAYOUTS[self.layout][name](self.data_root, segment) for name in self.modalities}}


def read_segments(path: Path, domain: str, split: str) -> list[tuple[str, Segment]]:
    """Read a split file.

    Args:
        path (Path): The file, ``.pkl`` or ``.csv``.
        domain (str): Domain of all its rows.
        split (str): Which of the two lists it is.

    Returns:
        list[tuple]: Of each row its name for messages, such as ``uid 12915`` or ``line 2``, and its segment.

    Raises:
        ValueError: If it is empty, lacks a column, a row cannot be understood, or a video's name leaves the folder.
    """
    rows = _read_table(path) if path.suffix == '.csv' else _read_pickle(path)
    if not rows:
        raise ValueError(f'split file {path} is empty: use the published file (docs/data.md)')
    segments = []
    for number, row in rows:
        name = f'{ROW[path.suffix]} {number}'
        try:
            segments.append((name, _segment(domain, split, row)))
        except ValueError as error:
            raise ValueError(f'split file {path}, {name}: {error}') from error
    return segments


def _read_table(path: Path) -> list[tuple[int, dict[str, str]]]:
    return read_csv(path, COLUMNS, 'docs/data.md')


def _read_pickle(path: Path) -> list[tuple[Any, dict[str, Any]]]:
    columns = read_split_pickle(path)
    lacking = [name for name in ('uid', *COLUMNS) if name not in columns]
    if lacking:
        raise ValueError(f'split file {path} lacks the columns {lacking}: it has {list(columns)}')
    return list(zip(columns['uid'], (dict(zip(columns, row)) for row in zip(*columns.values()))))


def _segment(domain: str, split: str, row: dict[str, Any]) -> Segment:
    start, stop, label = (_value(row, name, int) for name in ('start_frame', 'stop_frame', 'verb_class'))
    start_time, stop_time = (_value(row, name, seconds) for name in ('start_timestamp', 'stop_timestamp'))
    for name, first, last in (('frame', start, stop), ('timestamp', start_time, stop_time)):
        if not last > first:
            raise ValueError(f'stop_{name} {last} does not follow start_{name} {first}')
    video = check_inside(row['video_id'], 'video_id')
    return Segment(domain, split, video, start, stop, start_time, stop_time, label)


def _value(row: dict[str, Any], column: str, kind: Callable[[Any], Any]) -> Any:
    try:
        return kind(row[column])
    except (TypeError, ValueError) as error:
        form = 'a whole number' if kind is int else 'of the form hours:minutes:seconds'
        raise ValueError(f'{column}={row[column]!r} is not {form}') from error


def seconds(timestamp: str) -> float:
    """Seconds of a time stamp ``hours:minutes:seconds``.

    >>> seconds('00:01:04.09')
    64.09
    """
    hours, minutes, rest = str(timestamp).split(':')
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)
