"""Data sets of which one file says class, domain and perhaps part of every sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmda_ext.datasets.feature_splits import PARTS, assign_parts
from mmda_ext.datasets.multimodal_dataset import MultimodalDataset


class DividedDataset(MultimodalDataset):
    """Samples of one file, divided by its ``split`` or, without that, by :func:`assign_parts`.

    Without ``split`` a stratified part of the sources validates and the whole target tests; with ``grouped``, samples
    of the same ``group`` (windows of one recording) stay together, since neighbours would tell each other's class.

    Args:
        ann_file (str): The file.
        domains (Sequence[str]): Domains whose samples this instance holds.
        source_domains (Sequence[str]): The ordered training domains.
        modalities (Sequence[str] | Mapping[str, str]): Modalities, each a field of the same name, or a mapping from
            modalities to names of fields.
        split (str): ``'train'``, ``'val'``, ``'test'`` or ``'all'``.
        val_fraction (float): Fraction of the sources that validates when the file has no ``split``.
        split_seed (int): Seed of that division.
        target_test_fraction (float, optional): Divide the other domains too: this fraction tests, the rest trains
            (for adaptation with ``unlabeled_target=True``). Without it, all of the target tests.
        source_test_fraction (float, optional): Of the sources, too, this fraction tests, when the file has no `split`
            (for upper bounds). Of one domain, it holds the same samples as ``target_test_fraction``.
        grouped (bool): Divide by ``group``, which the file must have, instead of by samples.
        **kwargs: See :class:`MultimodalDataset`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an option is unknown, or the file lacks a field or holds what cannot be used.
    """

    #: What a field is called, for messages.
    FIELD = 'array'

    def __init__(self,
                 ann_file: str,
                 domains: Sequence[str],
                 source_domains: Sequence[str],
                 modalities: Sequence[str] | Mapping[str, str],
                 split: str = 'train',
                 val_fraction: float = .2,
                 split_seed: int = 0,
                 target_test_fraction: float | None = None,
                 source_test_fraction: float | None = None,
                 grouped: bool = False,
                 **kwargs: Any) -> None:
        if split not in (*PARTS, 'all'):
            raise ValueError(f'split={split!r} is unknown: use one of {(*PARTS, "all")}')
        if not 0 <= val_fraction < 1:
            raise ValueError(f'val_fraction={val_fraction} must be at least 0 and less than 1')
        for name, share in (('target', target_test_fraction), ('source', source_test_fraction)):
            if share is not None and not 0 < share < 1:
                raise ValueError(f'{name}_test_fraction={share} must be between 0 and 1, or None')
        if val_fraction + (source_test_fraction or 0) >= 1:
            raise ValueError(f'val_fraction={val_fraction} and source_test_fraction={source_test_fraction} leave '
                             'nothing to train on: lower one')
        mapping = modalities if isinstance(modalities, Mapping) else {name: name for name in modalities}
        self.fields: dict[str, str] = dict(mapping)
        self.split, self.val_fraction, self.split_seed = split, val_fraction, split_seed
        self.target_test_fraction, self.source_test_fraction = target_test_fraction, source_test_fraction
        self.grouped = grouped
        super().__init__(domains, source_domains, tuple(modalities), ann_file=str(ann_file), **kwargs)

    def read_fields(self) -> dict[str, np.ndarray]:
        """``label``, indices of ``classes``; ``domain``; and, if there, ``split`` and ``group``; each ``(n, )``.

        ``classes``, ``(C, )``, names the classes. More fields may follow.
        """
        raise NotImplementedError

    def split_files(self) -> list[str]:
        return [self.ann_file]

    def load_data_list(self) -> list[dict[str, Any]]:
        self._table = self.read_fields()
        self._metainfo.setdefault('classes', tuple(self._table['classes'].tolist()))
        self.check_domains(np.unique(self._table['domain']).tolist())
        self._parts = self._assign()
        return super().load_data_list()

    def _assign(self) -> np.ndarray:
        """Part of each sample, ``(n, )``; empty where it has none."""
        parts, table = self._divide(), self._table
        if not self.choice:
            return parts
        self.choice.resolve(self._metainfo['classes'])
        # What the model shall not see does not train, be it by its mean.
        held = np.array([self.may_train(str(domain), label) for domain, label in zip(table['domain'], table['label'])])
        return np.where(~held & (parts == 'train'), '', parts)

    def _divide(self) -> np.ndarray:
        if 'split' in self._table:
            for key, value, who in (('target_test_fraction', self.target_test_fraction, 'tests'),
                                    ('grouped', self.grouped or None, 'validates')):
                if value is not None:
                    raise ValueError(f'{self.ann_file} has the {self.FIELD} `split`, which says who {who}: leave out '
                                     f'{key}={value}')
            return self._table['split']
        groups = self._table.get('group') if self.grouped else None
        if self.grouped and groups is None:
            raise ValueError(f'{self.ann_file} has no {self.FIELD} `group`, by which grouped=True divides: add it (a '
                             'command of docs/data.md that made the file writes it again), or set grouped=False')
        return assign_parts(self._table['label'], self._table['domain'], self.source_domains, self.val_fraction,
                            self.split_seed, self.target_test_fraction, groups, self.source_test_fraction)

    def rows_of(self, domain: str) -> list[int]:
        """Samples of a domain that belong to ``split``."""
        inside = self._table['domain'] == domain
        if self.split != 'all':
            inside = inside & (self._parts == self.split)
        return np.flatnonzero(inside).tolist()

    def filter_data(self) -> list[dict[str, Any]]:
        """Leave out the samples of which a file is missing; a part without any sample is refused."""
        if not self.data_list:
            raise ValueError(f'{self.ann_file} has no sample of domains {self.domains} with split={self.split!r} '
                             f'(sources {self.source_domains}): without the {self.FIELD} `split`, sources have `train` '
                             'and `val` and all other domains have `test`; split=\'all\' takes everything')
        return super().filter_data()
