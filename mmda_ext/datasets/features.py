"""Features computed beforehand: any modalities, one file."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmda_ext.datasets.corruptions import Statistics
from mmda_ext.datasets.divided import DividedDataset
from mmda_ext.datasets.feature_checks import check_finite, load_feature_file
from mmda_ext.datasets.feature_splits import constant_elements, mean_and_deviation, standardized
from mmda_ext.registry import DATASETS


@DATASETS.register_module()
class FeatureDataset(DividedDataset):
    """Samples of an ``.npz`` file with one array for each modality, ``label``, ``domain``, ``classes``.

    Who trains, validates and tests: see :class:`DividedDataset`. Labels are indices of ``classes`` or names. The file
    is loaded with ``allow_pickle=False``, and every value is checked when it is opened.

    ``metainfo['features']``, which MMEngine keeps in checkpoints, tells how each modality was scaled, for predictions
    of other samples: :func:`~mmda_ext.datasets.feature_scaling.scale_features`.

    Args:
        ann_file (str): The file.
        domains (Sequence[str]): Domains whose samples this instance holds.
        source_domains (Sequence[str]): The ordered training domains.
        modalities (Sequence[str] | Mapping[str, str]): Modalities, each an array of the same name, or a mapping from
            modalities to names of arrays.
        standardize (bool): Scale each element by mean and deviation of the training samples of the sources.
        flatten (bool): Make a vector of the features of each sample.
        **kwargs: See :class:`DividedDataset`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an option is unknown, or an array is missing or holds what cannot be used.
    """

    def __init__(self,
                 ann_file: str,
                 domains: Sequence[str],
                 source_domains: Sequence[str],
                 modalities: Sequence[str] | Mapping[str, str],
                 standardize: bool = True,
                 flatten: bool = False,
                 **kwargs: Any) -> None:
        self.standardize, self.flatten = standardize, flatten
        self._features: dict[str, np.ndarray] = {}
        super().__init__(ann_file, domains, source_domains, modalities, **kwargs)

    def read_fields(self) -> dict[str, np.ndarray]:
        return load_feature_file(Path(self.ann_file), tuple(self.fields.values()))

    def load_data_list(self) -> list[dict[str, Any]]:
        samples = super().load_data_list()
        self._features = {modality: self._prepare(modality, array) for modality, array in self.fields.items()}
        del self._table, self._parts
        return samples

    def source_statistics(self, modality: str) -> Statistics:
        """Of the training samples of the sources, as the file has them; reads the file again.

        Raises:
            ValueError: If there are no such samples.
        """
        array = self.fields[modality]
        self._table = load_feature_file(Path(self.ann_file), (array, ))
        self._parts = self._assign()
        chosen = self._values(array)[self._training()]
        del self._table, self._parts
        mean, deviation = mean_and_deviation(chosen)
        removed = (mean, np.where(deviation > 0, deviation, 1.)) if self.standardize else ()
        return Statistics(deviation, chosen.min(axis=0), chosen.max(axis=0), *removed)

    def _values(self, array: str) -> np.ndarray:
        values = self._table[array]
        return values.reshape(len(values), -1) if self.flatten else values

    def _training(self) -> np.ndarray:
        training = (self._parts == 'train') & np.isin(self._table['domain'], self.source_domains)
        if not training.any():
            raise ValueError(f'{self.ann_file}: no sample of the sources {self.source_domains} is marked `train`, so '
                             'there are no statistics: set standardize=False or correct the array `split`')
        return training

    def _prepare(self, modality: str, array: str) -> np.ndarray:
        values = self._values(array)
        told = self._metainfo.setdefault('features', {})[modality] = dict(
            shape=list(self._table[array].shape[1:]), used=list(values.shape[1:]))
        if not self.standardize:
            return values.astype(np.float32)
        training = self._training()
        mean, deviation = mean_and_deviation(values[training])
        told.update(mean=mean.tolist(), deviation=deviation.tolist())
        scaled = standardized(values, mean, deviation)
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
        for row in self.rows_of(domain):
            yield {
                'sample_id': f'{row:06d}',
                'label': int(self._table['label'][row]),
                'where': f'{self.ann_file}, sample {row}',
                'split': str(self._parts[row]),
                'modalities': {name: {'row': row} for name in self.modalities}}

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Put the features in; they are kept once, outside the serialised list."""
        info = super().get_data_info(idx)
        for modality, entry in info['modalities'].items():
            entry['feature'] = self._features[modality][entry.pop('row')].copy()
        return info
