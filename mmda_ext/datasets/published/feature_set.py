"""What is known of a published data set, and the check that what was read agrees with it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmda_ext.datasets.published.package_file import PackageFile

#: What a reader returns: modalities, ``label``, ``domain``, ``classes``, ``group``.
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class FeatureSet:
    """A data set that becomes one feature file.

    Args:
        name (str): Name of the dataset's config.
        licence (str): Licence of the data, and of what they lie in.
        citation (str): What a user cites.
        source (PackageFile | str): What pip downloads, or in words what the user downloads and from where.
        modalities (Mapping): Modality -> number of features of a sample, or its shape.
        counts (Mapping[str, int]): Domain -> number of samples.
        classes (tuple[str, ...]): Names of the classes.
        read (Callable): Arrays of a published file.
        file (str): Name of the feature file and of its folder; by default ``name``.
    """

    name: str
    licence: str
    citation: str
    source: PackageFile | str
    modalities: Mapping[str, int] | Mapping[str, tuple[int, ...]]
    counts: Mapping[str, int]
    classes: tuple[str, ...]
    read: Callable[[Path], Arrays]
    file: str = ''

    @property
    def path(self) -> Path:
        """Where the config looks for the feature file."""
        file = self.file or self.name
        return Path('data', file, f'{file}.npz')


def write_features(known: FeatureSet, source: Path, folder: Path) -> tuple[Path, Arrays]:
    """Read the published file, check it and write the feature file into a folder; the same input gives the same bytes.

    Args:
        known (FeatureSet): What it must hold.
        source (Path): The published file.
        folder (Path): Folder of the feature file.

    Returns:
        tuple[Path, Arrays]: The file and what it holds.

    Raises:
        ValueError: If the published file cannot be read, or holds another number of samples or features.
    """
    arrays = known.read(source)
    _check(known, source, arrays)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / known.path.name
    # A run that is stopped leaves no half of a file under the name that the recipes read.
    unfinished = folder / f'.{path.stem}.{os.getpid()}.npz'
    try:
        np.savez_compressed(unfinished, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path, arrays


def _check(known: FeatureSet, source: Path, arrays: Arrays) -> None:
    counts = dict(zip(*np.unique(arrays['domain'], return_counts=True), strict=True))
    found = {str(name): int(count) for name, count in counts.items()}
    if found != dict(known.counts):
        raise ValueError(f'{source} holds {found} samples in the domains of `{known.name}`, published are '
                         f'{dict(known.counts)}: take the published file')
    if arrays['classes'].tolist() != list(known.classes):
        raise ValueError(f'{source} has the classes {arrays["classes"].tolist()}, those of `{known.name}` are '
                         f'{list(known.classes)}, in this order: take the published file')
    for name, width in known.modalities.items():
        shape = (len(arrays['label']), *((width, ) if isinstance(width, int) else width))
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f'{source}: `{name}` has shape {arrays[name].shape} or holds NaN, {shape} finite numbers '
                             'are needed: take the published file')


def window_statistics(values: np.ndarray, windows: int) -> np.ndarray:
    """Mean and population standard deviation in equal windows of time.

    Args:
        values (np.ndarray): Signals, shape ``(n, time)``; the time is a multiple of ``windows``.
        windows (int): Number of windows W.

    Returns:
        np.ndarray: float32, ``(n, 2 W)``: the means in the order of time, then the deviations.
    """
    parts = values.astype(np.float64).reshape(len(values), windows, -1)
    return np.concatenate([parts.mean(2), parts.std(2)], axis=1).astype(np.float32)
