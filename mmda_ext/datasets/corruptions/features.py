"""Vectors of features ``(D, )`` and sequences of them ``(T, D)``; a dimension is an index of the last axis.

Families see the features as the file has them: what a data set has standardised is taken back before and done again
after, so that 0 is a sensor that says nothing, not one that says the mean.
"""

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts, Kind, Need, Statistics

Rng = np.random.Generator
STATISTICS = Need(lambda _, facts: facts.statistics is not None,
                  'it needs the spread of the features in training, which their data set does not tell')
OTHER = Need(lambda _, facts: facts.other is not None, 'it needs another sample of the same domain')
SEQUENCE = Need(lambda values, _: values.ndim == 2 and len(values) > 1, 'it needs a sequence (steps, features)')


def _into(values: np.ndarray, facts: Facts) -> np.ndarray:
    exact = values.astype(np.float64)
    return exact if facts.statistics is None else exact * facts.statistics.scale + facts.statistics.shift


def _back(result: np.ndarray, values: np.ndarray, facts: Facts) -> np.ndarray:
    if facts.statistics is not None:
        result = (result - facts.statistics.shift) / facts.statistics.scale
    return result.astype(values.dtype)


FEATURES = Kind('features', _into, _back)


def _known(facts: Facts) -> Statistics:
    assert facts.statistics is not None  # the families that ask say so
    return facts.statistics


@FEATURES.family(.25, .5, 1, 1.5, 2, need=STATISTICS)
def gaussian(values: np.ndarray, strength: float, rng: Rng, facts: Facts) -> np.ndarray:
    """``f + k s N(0, 1)`` with the deviation ``s`` of each element in training."""
    return values + strength * _known(facts).deviation * rng.standard_normal(values.shape)


@FEATURES.family(.1, .2, .3, .4, .5)
def dimension_dropout(values: np.ndarray, rate: float, rng: Rng, _: Facts) -> np.ndarray:
    """Each dimension is 0 with that probability; the others are not enlarged."""
    return values * (rng.random(values.shape[-1]) >= rate)


@FEATURES.family(.25, .5, 1, 1.5, 2, need=STATISTICS, common=True)
def shift(values: np.ndarray, strength: float, rng: Rng, facts: Facts) -> np.ndarray:
    """``f + k s b`` with a sign ``b`` for each dimension, the same for all samples."""
    return values + strength * _known(facts).deviation * rng.choice([-1., 1.], size=values.shape[-1])


@FEATURES.family(.8, .6, .4, .2, .1)
def gain(values: np.ndarray, factor: float, rng: Rng, _: Facts) -> np.ndarray:
    """``k f``."""
    return factor * values


@FEATURES.family(.1, .2, .3, .4, .5, need=OTHER)
def crosstalk(values: np.ndarray, share: float, rng: Rng, facts: Facts) -> np.ndarray:
    """``(1 - k) f + k g`` with the features ``g`` of another sample of the domain."""
    assert facts.other is not None
    return (1 - share) * values + share * _into(facts.other(rng), facts)


@FEATURES.family(6, 5, 4, 3, 2, need=STATISTICS)
def quantise(values: np.ndarray, bits: int, rng: Rng, facts: Facts) -> np.ndarray:
    """So many bits, evenly from the smallest to the largest value in training; what lies outside is cut."""
    low, high = _known(facts).low, _known(facts).high
    step = np.where(high > low, (high - low) / (2**bits - 1), 1.)
    return np.where(high > low, low + np.rint((np.clip(values, low, high) - low) / step) * step, values)


@FEATURES.family(.1, .2, .3, .4, .5, need=SEQUENCE)
def step_drop(values: np.ndarray, rate: float, rng: Rng, _: Facts) -> np.ndarray:
    """Each step is lost with that probability, at least one stays; the last is repeated to the old length."""
    drawn = rng.random(len(values))
    kept = np.flatnonzero((drawn >= rate) | (np.arange(len(values)) == np.argmax(drawn)))
    return values[np.pad(kept, (0, len(values) - len(kept)), mode='edge')]
