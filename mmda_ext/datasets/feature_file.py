"""What a feature file holds, without reading its features."""

import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from mmda_ext.datasets.feature_checks import class_labels

#: Arrays of a feature file that are no modality.
RESERVED = ('label', 'domain', 'classes', 'split', 'group')


@dataclass(frozen=True)
class FeatureFile:
    """A feature file at a glance.

    Args:
        path (str): The file.
        shapes (dict[str, tuple[int, ...]]): Modality -> shape of the features of one sample, in the order of the file.
        domains (tuple[str, ...]): Names of the domains, sorted.
        num_classes (int): Number of classes.
        has_split (bool): Whether the file says who trains, validates and tests.
        has_groups (bool): Whether the file says which samples must not be divided.
    """

    path: str
    shapes: dict[str, tuple[int, ...]]
    domains: tuple[str, ...]
    num_classes: int
    has_split: bool
    has_groups: bool

    @property
    def sizes(self) -> dict[str, int]:
        """Modality -> number of values of one sample."""
        return {name: prod(shape) for name, shape in self.shapes.items()}


def describe(path: str) -> FeatureFile:
    """Names and shapes; every array of numbers with an axis of samples and more is a modality.

    Args:
        path (str): An ``.npz`` file as in :class:`FeatureDataset`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ``.npz`` file, or lacks an array or a modality.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'feature file {path} does not exist (docs/own_data.md)')
    if not zipfile.is_zipfile(path):
        raise ValueError(f'{path} is no .npz file: write it with numpy.savez (docs/own_data.md)')
    headers = _headers(path)
    lacking = [name for name in ('label', 'domain') if name not in headers]
    if lacking:
        raise ValueError(f'feature file {path} lacks the arrays {lacking}: it has {list(headers)} (docs/own_data.md)')
    shapes = {name: shape[1:] for name, (shape, dtype) in headers.items()
              if name not in RESERVED and len(shape) > 1 and dtype.kind in 'fiub'}
    if not shapes:
        raise ValueError(f'feature file {path} has no modality: add an array of numbers (samples, ...) for each one; '
                         f'it has {list(headers)} (docs/own_data.md)')
    with np.load(path, allow_pickle=False) as file:
        domains = tuple(str(name) for name in np.unique(file['domain'].astype(str)))
        table = {name: file[name] for name in ('label', 'classes') if name in file.files}
    _, classes = class_labels(Path(path), table['label'], table.get('classes'))
    return FeatureFile(str(path), shapes, domains, len(classes), 'split' in headers, 'group' in headers)


def _headers(path: str) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Name of each array -> its shape and type, in the order of the file."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            with archive.open(entry) as array:
                read = {1: npy.read_array_header_1_0, 2: npy.read_array_header_2_0}[npy.read_magic(array)[0]]
                shape, _, dtype = read(array)
                found[entry.removesuffix('.npy')] = (shape, dtype)
    return found
