"""Which samples of a feature file train, validate and test, and how they are scaled."""

import zlib
from collections.abc import Sequence

import numpy as np

PARTS = ('train', 'val', 'test')


def assign_parts(labels: np.ndarray, domains: np.ndarray, source_domains: Sequence[str], val_fraction: float,
                 seed: int, target_test_fraction: float | None = None,
                 groups: np.ndarray | None = None, source_test_fraction: float | None = None) -> np.ndarray:
    """Give every sample a part: sources are divided, all of the other domains is for testing unless a share is named.

    Each pair of class and domain is shuffled by a generator of its own and its first ``round(val_fraction * n)``
    samples validate (of a domain that is no source, ``round(target_test_fraction * n)`` test). So the division of a
    domain does not depend on which other domains are sources. With groups, these are shuffled and counted in place of
    samples, and none is divided; those that hold several classes form a kind of their own beside the classes.

    Args:
        labels (np.ndarray): Classes, shape ``(n, )``.
        domains (np.ndarray): Names of the domains, shape ``(n, )``.
        source_domains (Sequence[str]): Domains to divide.
        val_fraction (float): Fraction for validation, in [0, 1).
        seed (int): Seed of the division, at least 0.
        target_test_fraction (float, optional): Fraction of each other domain that tests; the rest trains, for methods
            that adapt to unlabelled samples.
        groups (np.ndarray, optional): What each sample was cut from, shape ``(n, )``, of one domain each.
        source_test_fraction (float, optional): Fraction of each source that tests, counted in front of what validates.

    Returns:
        np.ndarray: ``'train'``, ``'val'`` or ``'test'``, shape ``(n, )``.
    """
    parts = np.full(len(labels), 'test', dtype='<U5')
    groups = np.arange(len(labels)) if groups is None else groups
    kinds = _kinds(labels, groups)
    shares = dict.fromkeys(source_domains, (source_test_fraction or 0.0, val_fraction))
    if target_test_fraction is not None:
        shares = {**dict.fromkeys(np.unique(domains).tolist(), (target_test_fraction, 0.0)), **shares}
    for domain, (testing, validating) in shares.items():
        for label in np.unique(kinds):
            members = np.flatnonzero((domains == domain) & (kinds == label))
            generator = np.random.default_rng([seed, zlib.crc32(domain.encode()), int(label)])
            names = generator.permutation(np.unique(groups[members]))
            ends = np.cumsum([round(fraction * len(names)) for fraction in (testing, validating)])
            parts[members] = 'train'
            for part, own in zip(('test', 'val'), np.split(names, ends)):
                parts[members[np.isin(groups[members], own)]] = part
    return parts


def _kinds(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Class of each sample, or the number behind the last class where its group holds several, ``(n, )``."""
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    mixed = np.zeros(len(first), dtype=bool)
    np.logical_or.at(mixed, place, labels != labels[first][place])
    return np.where(mixed[place], labels.max() + 1, labels)


def standardized(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """``(values - mean) / deviation`` as float32: what has deviation 0 is only shifted.

    Args:
        values (np.ndarray): Shape ``(n, ...)`` or ``(...)``; what float32 cannot hold becomes infinite, and the caller
            looks for that with a sentence.
        mean (np.ndarray): Of the training samples, ``(...)``.
        deviation (np.ndarray): The same; see :func:`mean_and_deviation`.
    """
    with np.errstate(over='ignore'):
        return ((values - mean) / np.where(deviation > 0, deviation, 1.)).astype(np.float32)


def mean_and_deviation(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over the samples ``(n, ...)``, each ``(...)`` in float64; the deviation of an element that is constant is 0."""
    wide = values.astype(np.float64)
    return wide.mean(axis=0), np.where(constant_elements(values), 0., wide.std(axis=0))


def constant_elements(values: np.ndarray) -> np.ndarray:
    """Which elements differ between samples by no more than rounding, boolean, ``(n, ...)`` -> ``(...)``.

    Rounding is 4 units in the last place of the largest magnitude, in the precision in which the values are stored: an
    absolute limit would leave small features unscaled and blow up the rounding of large ones.
    """
    wide = values.astype(np.float64)
    precision = np.finfo(values.dtype if values.dtype.kind == 'f' else np.float64).eps
    return np.ptp(wide, axis=0) <= 4 * precision * np.abs(wide).max(axis=0)
