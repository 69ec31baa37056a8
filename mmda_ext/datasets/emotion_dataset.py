"""What IEMOCAP and MSP-IMPROV share: the neutral form of docs/emotion_data.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmda_ext.datasets.emotion.records import CLASSES
from mmda_ext.datasets.emotion.table import PARTS, TOOLS, Row, read_table
from mmda_ext.datasets.multimodal_dataset import MultimodalDataset

MODALITIES = ('speech', 'face', 'text')
SPLITS = (*PARTS, 'all')


class EmotionDataset(MultimodalDataset):
    """Speech, faces and words of an utterance; the domains are the two halves of one corpus, source and target.

    An entry holds ``speech``: ``audio_path``, ``start_time``, ``stop_time``; ``face``: ``frame_dir``, ``face_files`` in
    the order of time; ``text``: ``text``. ``speaker`` and ``session`` are in each of them, for those who analyse.

    Args:
        data_root (str): Folder that ``faces`` and ``wav`` of the tables start from.
        domains (Sequence[str]): ``'source'``, ``'target'`` or both.
        source_domains (Sequence[str]): Domains whose labels count as known; the other one is the target.
        split (str): ``'train'``, ``'val'``, ``'test'`` or ``'all'`` of them (a transductive protocol).
        modalities (Sequence[str]): Of ``'speech'``, ``'face'``, ``'text'``.
        ann_dir (str | None): Folder with ``source.csv`` and ``target.csv``; None: ``data_root``.
        **kwargs: See :class:`MultimodalDataset`; ``unlabeled_target=True`` withholds the labels of the target, and
            ``metainfo=dict(classes=...)`` names other classes.

    Raises:
        ValueError: If an option is unknown, or a table has a row that cannot be used.
        FileNotFoundError: If there is no table.
    """

    METAINFO = {'classes': CLASSES}
    DOMAINS = ('source', 'target')
    REMEDY = f'check `data_root`, or prepare the data again with {TOOLS}'
    REMEDY_DECODE = f'prepare the data again with {TOOLS}'

    def __init__(self,
                 data_root: str,
                 domains: Sequence[str],
                 source_domains: Sequence[str] = ('source', ),
                 split: str = 'train',
                 modalities: Sequence[str] = MODALITIES,
                 ann_dir: str | None = None,
                 **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'split={split!r} is unknown: use one of {SPLITS}')
        unknown = [name for name in modalities if name not in MODALITIES]
        if unknown:
            raise ValueError(f'modalities={tuple(modalities)} names {unknown}: {type(self).__name__} has {MODALITIES}')
        self.split = split
        self.ann_dir = str(data_root if ann_dir is None else ann_dir)
        super().__init__(domains, source_domains, modalities, data_root, **kwargs)

    def split_files(self) -> list[str]:
        return [str(self._table(domain)) for domain in self.domains]

    def _table(self, domain: str) -> Path:
        return Path(self.ann_dir) / f'{domain}.csv'

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        path = self._table(domain)
        rows = [(line, row) for line, row in read_table(path) if self.split in ('all', row.split)]
        if not rows:
            raise ValueError(f'{path}: no row has split={self.split!r}: the corpus is too small, or prepare it again')
        for line, row in rows:
            where = f'{path}, line {line}'
            yield {
                'sample_id': row.utterance,
                'label': self._label(row.label, where),
                'where': where,
                'split': row.split,
                'modalities': {name: self._entry(name, row, where) for name in self.modalities}}

    def _label(self, name: str, where: str) -> int:
        classes = tuple(self._metainfo['classes'])
        if name not in classes:
            raise ValueError(f'{where}: label {name!r} is unknown, the classes are {classes}; others are named by '
                             'metainfo=dict(classes=...)')
        return classes.index(name)

    def _entry(self, name: str, row: Row, where: str) -> dict[str, Any]:
        who = {'speaker': row.speaker, 'session': row.session}
        if name == 'text':
            return {'text': row.text, **who}
        file = row.wav if name == 'speech' else row.faces
        if not file:
            raise ValueError(f'{where}: {row.utterance} has no {name}: prepare the data with --modalities {name}, or '
                             'leave it out of `modalities`')
        path = Path(self.data_root) / file
        if name == 'speech':
            return {'audio_path': str(path), 'start_time': None, 'stop_time': None, **who}
        return {'frame_dir': str(path), 'face_files': _pictures(path, row, where), 'modality': 'RGB', **who}


def _pictures(folder: Path, row: Row, where: str) -> list[str]:
    """Pictures of an utterance; asking the folder is slow on network drives, so the table may tell how many."""
    if not row.num_faces:
        return sorted(str(path) for path in folder.glob('*.jpg'))
    if not row.num_faces.isdigit():
        raise ValueError(f'{where}: num_faces={row.num_faces!r} must be a number')
    return [str(folder / f'{number:04d}.jpg') for number in range(1, int(row.num_faces) + 1)]
