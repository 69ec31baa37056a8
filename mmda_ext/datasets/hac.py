"""Human, Animal, Cartoon: seven actions performed by three kinds of actors."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmda_ext.datasets.multimodal_dataset import MultimodalDataset
from mmda_ext.datasets.text_files import read_text
from mmda_ext.file_names import check_inside
from mmda_ext.registry import DATASETS

#: Lists that make up a split. The target is tested on the whole domain, and the published order is test first.
SPLITS = {'train': ('train', ), 'test': ('test', ), 'all': ('test', 'train')}


def _video(folder: Path, stem: str) -> dict[str, Any]:
    return {'filename': str(folder / 'videos' / f'{stem}.mp4'), 'modality': 'RGB', 'start_index': 0}


def _flow(folder: Path, stem: str) -> dict[str, Any]:
    files = [str(folder / 'flow' / f'{stem}_flow_{component}.mp4') for component in 'xy']
    return {'filenames': files, 'modality': 'Flow', 'start_index': 0}


def _audio(folder: Path, stem: str) -> dict[str, Any]:
    return {'audio_path': str(folder / 'audio' / f'{stem}.wav'), 'start_time': None, 'stop_time': None}


SOURCES = {'video': _video, 'flow': _flow, 'audio': _audio}


@DATASETS.register_module()
class HACDataset(MultimodalDataset):
    """Seven actions of humans, animals and cartoon figures (Dong et al., *SimMMDG*, NeurIPS 2023).

    Training uses the train lists of the source domains, validation the test lists of the source domains, and testing
    the whole target domain (``split='all'``).

    Args:
        ann_dir (str): Folder with ``HAC_{train,test}_only_{human,animal,cartoon}.csv``.
        data_root (str): Folder with ``<domain>/videos``, ``<domain>/audio`` and ``<domain>/flow``.
        domains (Sequence[str]): Domains whose samples this instance holds.
        source_domains (Sequence[str]): The ordered training domains.
        split (str): ``'train'``, ``'test'`` or ``'all'``.
        modalities (Sequence[str]): Of ``'video'``, ``'flow'``, ``'audio'``.
        **kwargs: See :class:`MultimodalDataset`.

    Raises:
        ValueError: If an option is unknown, or a list is empty or has a line that is not ``name.mp4,label``.
    """

    METAINFO = {'classes': ('sleeping', 'watching tv', 'eating', 'drinking', 'swimming', 'running', 'opening door')}
    DOMAINS = ('human', 'animal', 'cartoon')

    def __init__(self,
                 ann_dir: str,
                 data_root: str,
                 domains: Sequence[str],
                 source_domains: Sequence[str],
                 split: str = 'train',
                 modalities: Sequence[str] = ('video', 'audio'),
                 **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'split={split!r} is unknown: use one of {tuple(SPLITS)}')
        unknown = [name for name in modalities if name not in SOURCES]
        if unknown:
            raise ValueError(f'modalities={tuple(modalities)} names {unknown}: HAC has {tuple(SOURCES)}')
        self.ann_dir, self.split = str(ann_dir), split
        super().__init__(domains, source_domains, modalities, data_root, **kwargs)

    def _lists(self, domain: str) -> list[Path]:
        return [Path(self.ann_dir) / f'HAC_{part}_only_{domain}.csv' for part in SPLITS[self.split]]

    def split_files(self) -> list[str]:
        return [str(path) for domain in self.domains for path in self._lists(domain)]

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        folder = Path(self.data_root) / domain
        for path in self._lists(domain):
            for number, stem, label in read_list(path):
                yield {
                    'sample_id': stem,
                    'label': label,
                    'where': f'{path}, line {number}',
                    'modalities': {name: SOURCES[name](folder, stem) for name in self.modalities}}


def read_list(path: Path) -> list[tuple[int, str, int]]:
    """Read a list of lines ``name.mp4,label``.

    Blanks belong to the name: one published name is ``drinking_54 .mp4``.

    Args:
        path (Path): The file; either kind of line end.

    Returns:
        list[tuple[int, str, int]]: Number of the line, name without ``.mp4``, label.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty or not in UTF-8, a line cannot be understood, or a name leaves the folder.
    """
    if not path.is_file():
        raise FileNotFoundError(f'split file {path} does not exist: check `ann_dir` (docs/data.md)')
    rows = []
    for number, line in enumerate(read_text(path).replace('\r\n', '\n').replace('\r', '\n').split('\n'), start=1):
        if not line:
            continue
        name, _, label = line.rpartition(',')
        if not name.endswith('.mp4') or not label.strip().isdigit():
            raise ValueError(f'split file {path}, line {number}: {line!r} is not of the form `name.mp4,label`')
        stem = check_inside(name.removesuffix('.mp4'), f'split file {path}, line {number}')
        rows.append((number, stem, int(label)))
    if not rows:
        raise ValueError(f'split file {path} is empty: use the published file (docs/data.md)')
    return rows
