"""Features computed beforehand: any modalities, one file."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmda_ext.datasets.feature_checks import check_finite, load_feature_file
from mmda_ext.datasets.feature_splits import PARTS, assign_parts, constant_elements, standardized
from mmda_ext.datasets.multimodal_dataset import MultimodalDataset
from mmda_ext.registry import DATASETS


@DATASETS.register_module()
class FeatureDataset(MultimodalDataset):
    """Samples of an ``.npz`` file with one array for each modality, ``label``, ``domain``, ``classes``.

    An optional array ``split`` says ``train``, ``val`` or ``test`` for each sample. Without it a stratified part of the
    sources validates and the whole target tests (:func:`assign_parts`); with ``grouped``, samples of the same ``group``
    (windows of one recording) stay together, since neighbours would tell each other's class. Labels are indices of
    ``classes`` or names. The file is loaded with ``allow_pickle=False``, and every value is checked when it is opened.

    Args:
        ann_file (str): The file.
        domains (Sequence[str]): Domains whose samples this instance holds.
        source_domains (Sequence[str]): The ordered training domains.
        modalities (Sequence[str] | Mapping[str, str]): Modalities, each an array of the same name, or a mapping from
            modalities to names of arrays.
        split (str): ``'train'``, ``'val'``, ``'test'`` or ``'all'``.
        val_fraction (float): Fraction of the sources that validates when the file has no ``split``.
        split_seed (int): Seed of that division.
        target_test_fraction (float, optional): Divide the other domains too: this fraction tests, the rest trains
            (for adaptation with ``unlabeled_target=True``). Without it, all of the target tests.
        source_test_fraction (float, optional): Of the sources, too, this fraction tests, when the file has no `split`
            (for upper bounds). Of one domain, it holds the same samples as ``target_test_fraction``.
        grouped (bool): Divide by the array ``group``, which the file must have, instead of by samples.
        standardize (bool): Scale each element by mean and deviation of the training samples of the sources.
        flatten (bool): Make a vector of the features of each sample.
        **kwargs: See :class:`MultimodalDataset`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an option is unknown, or an array is missing or holds what cannot be used.
    """

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
                 standardize: bool = True,
                 flatten: bool = False,
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
        self.arrays: dict[str, str] = dict(mapping)
        self.split, self.val_fraction, self.split_seed = split, val_fraction, split_seed
        self.target_test_fraction, self.source_test_fraction = target_test_fraction, source_test_fraction
        self.grouped = grouped
        self.standardize, self.flatten = standardize, flatten
        self._features: dict[str, np.ndarray] = {}
        super().__init__(domains, source_domains, tuple(modalities), ann_file=str(ann_file), **kwargs)

    def split_files(self) -> list[str]:
        return [self.ann_file]

    def load_data_list(self) -> list[dict[str, Any]]:
        self._table = load_feature_file(Path(self.ann_file), tuple(self.arrays.values()))
        self._metainfo.setdefault('classes', tuple(self._table['classes'].tolist()))
        self.check_domains(np.unique(self._table['domain']).tolist())
        self._parts = self._assign()
        self._features = {modality: self._prepare(array) for modality, array in self.arrays.items()}
        samples = super().load_data_list()
        del self._table, self._parts
        return samples

    def _assign(self) -> np.ndarray:
        if 'split' in self._table:
            if self.target_test_fraction is not None:
                raise ValueError(f'{self.ann_file} has an array `split`, which says who tests: leave out '
                                 f'target_test_fraction={self.target_test_fraction}')
            if self.grouped:
                raise ValueError(f'{self.ann_file} has an array `split`, which says who validates: set grouped=False')
            return self._table['split']
        groups = self._table.get('group') if self.grouped else None
        if self.grouped and groups is None:
            raise ValueError(f'{self.ann_file} has no array `group`, by which grouped=True divides: write the file '
                             'again with the command of its data set (docs/data.md), or set grouped=False')
        return assign_parts(self._table['label'], self._table['domain'], self.source_domains, self.val_fraction,
                            self.split_seed, self.target_test_fraction, groups, self.source_test_fraction)

    def _prepare(self, array: str) -> np.ndarray:
        values = self._table[array]
        if self.flatten:
            values = values.reshape(len(values), -1)
        if not self.standardize:
            return values.astype(np.float32)
        training = (self._parts == 'train') & np.isin(self._table['domain'], self.source_domains)
        if not training.any():
            raise ValueError(f'{self.ann_file}: no sample of the sources {self.source_domains} is marked `train`, so '
                             'there are no statistics: set standardize=False or correct the array `split`')
        scaled = standardized(values, training)
        check_finite(self.ann_file, array, scaled, ' after standardising by the training samples')
        self._tell_constant(array, values, training)
        return scaled

    def _tell_constant(self, array: str, values: np.ndarray, training: np.ndarray) -> None:
        """What is constant in training cannot be scaled; where it is not constant elsewhere, that matters."""
        moved = constant_elements(values[training]) & (values != values[np.argmax(training)]).any(axis=0)
        if moved.any():
            columns = [tuple(index) if len(index) > 1 else index[0] for index in np.argwhere(moved)[:5].tolist()]
            print_log(f'{self.ann_file}: {moved.sum()} columns of `{array}` (such as {columns}) are constant in '
                      'training but not elsewhere: they are shifted, not scaled', logger='current',
                      level=logging.WARNING)

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        inside = self._table['domain'] == domain
        if self.split != 'all':
            inside = inside & (self._parts == self.split)
        for row in np.flatnonzero(inside):
            yield {
                'sample_id': f'{row:06d}',
                'label': int(self._table['label'][row]),
                'where': f'{self.ann_file}, sample {row}',
                'split': str(self._parts[row]),
                'modalities': {name: {'row': int(row)} for name in self.modalities}}

    def filter_data(self) -> list[dict[str, Any]]:
        """All samples lie in one file, so none can be missing; there may be none."""
        if not self.data_list:
            raise ValueError(f'{self.ann_file} has no sample of domains {self.domains} with split={self.split!r} '
                             f'(sources {self.source_domains}): without an array `split`, sources have `train` and '
                             '`val` and all other domains have `test`; split=\'all\' takes everything')
        return self.data_list

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Put the features in; they are kept once, outside the serialised list."""
        info = super().get_data_info(idx)
        for modality, entry in info['modalities'].items():
            entry['feature'] = self._features[modality][entry.pop('row')].copy()
        return info
