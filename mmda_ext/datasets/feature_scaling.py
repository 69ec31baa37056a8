"""A sample of features from anywhere, scaled like those that a model was trained on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmda_ext.datasets.feature_splits import standardized


def scale_features(value: Any, told: Mapping[str, Any], where: str) -> np.ndarray:
    """The features of one sample as :class:`FeatureDataset` would hand them out, bit for bit, float32.

    Args:
        value (Any): Numbers as they lie in a feature file, without the axis of samples.
        told (Mapping): What the data set told of this modality: ``metainfo['features'][modality]``.
        where (str): Input and modality, for messages.

    Raises:
        ValueError: If the shape is another one, or a value is no number, NaN, infinite or too large once scaled.
    """
    values = np.asarray(value)
    if values.dtype.kind not in 'fiub':
        raise ValueError(f'{where}: {values.dtype} is no number: give an array of numbers of shape '
                         f'{tuple(told["shape"])}')
    if values.shape != tuple(told['shape']):
        raise ValueError(f'{where}: the features have shape {values.shape}, the model was trained on '
                         f'{tuple(told["shape"])} for each sample: compute them as those of its feature file')
    values = values.reshape(told['used'])
    if 'mean' in told:
        scaled = standardized(values, np.array(told['mean']), np.array(told['deviation']))
    else:
        with np.errstate(over='ignore'):
            scaled = values.astype(np.float32)
    bad = np.argwhere(~np.isfinite(scaled))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError(f'{where}: the features hold {values[place]} at {place}, which is not finite, or is not once '
                         'it is scaled as in training: repair or remove this sample')
    return scaled
