"""EPIC-Kitchens with the three domains of Munro and Damen."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmda_ext.datasets.epic_layouts import LAYOUTS, Segment
from mmda_ext.datasets.multimodal_dataset import MultimodalDataset
from mmda_ext.datasets.split_pickle import read_split_pickle
from mmda_ext.file_names import check_inside
from mmda_ext.registry import DATASETS

COLUMNS = ('uid', 'video_id', 'start_timestamp', 'stop_timestamp', 'start_frame', 'stop_frame', 'verb_class')
SPLITS = ('train', 'test')


@DATASETS.register_module()
class EpicKitchensDataset(MultimodalDataset):
    """Eight verbs in three kitchens: D1 (participant P08), D2 (P01), D3 (P22).

    Training uses the train files of the source domains, validation the test files of the source domains, and testing
    the test file of the target domain (Munro and Damen, *Multi-Modal Domain Adaptation for Fine-Grained Action
    Recognition*, CVPR 2020; Dong et al., *SimMMDG*, NeurIPS 2023).

    Args:
        ann_dir (str): Folder with ``D{1,2,3}_{train,test}.pkl``. They are read without pandas and cannot run code.
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
        """Split file of one domain."""
        return Path(self.ann_dir) / f'{domain}_{self.split}.pkl'

    def split_files(self) -> list[str]:
        return [str(self.split_file(domain)) for domain in self.domains]

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        for uid, segment in read_segments(self.split_file(domain), domain, self.split):
            yield {
                'sample_id': f'{segment.video_id}_{segment.start_frame}_{segment.stop_frame}',
                'label': segment.label,
                'where': f'{self.split_file(domain)}, uid {uid}',
                'modalities': {name: LAYOUTS[self.layout][name](self.data_root, segment) for name in self.modalities}}


def read_segments(path: Path, domain: str, split: str) -> list[tuple[Any, Segment]]:
    """Read a split file.

    Args:
        path (Path): The file.
        domain (str): Domain of all its rows.
        split (str): Which of the two lists it is.

    Returns:
        list[tuple]: Of each row its ``uid`` and its segment.

    Raises:
        ValueError: If it is empty, lacks a column, a row cannot be understood, or a video's name leaves the folder.
    """
    columns = read_split_pickle(path)
    lacking = [name for name in COLUMNS if name not in columns]
    if lacking:
        raise ValueError(f'split file {path} lacks the columns {lacking}: it has {list(columns)}')
    if not columns['uid']:
        raise ValueError(f'split file {path} is empty: use the published file (docs/data.md)')
    segments = []
    for uid, video, start_time, stop_time, start, stop, label in zip(*(columns[name] for name in COLUMNS)):
        try:
            times = seconds(start_time), seconds(stop_time)
            video = check_inside(video, 'video_id')
            segment = Segment(domain, split, video, int(start), int(stop), *times, int(label))
        except (TypeError, ValueError) as error:
            raise ValueError(f'split file {path}, uid {uid}: {error}') from error
        if segment.frames < 1:
            raise ValueError(f'split file {path}, uid {uid}: stop_frame {stop} does not follow start_frame {start}')
        segments.append((uid, segment))
    return segments


def seconds(timestamp: str) -> float:
    """Seconds of a time stamp ``hours:minutes:seconds``.

    >>> seconds('00:01:04.09')
    64.09
    """
    hours, minutes, rest = str(timestamp).split(':')
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)
