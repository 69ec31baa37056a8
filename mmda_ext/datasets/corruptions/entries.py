"""The data of one modality in its nested dict: of what kind they are, and the same dict with corrupted data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmda_ext.datasets.corruptions.family import Facts, Kind

#: Kind -> where the data lie.
KEYS = {'video': 'imgs', 'waveform': 'audios', 'spectrogram': 'audios', 'text': 'text', 'features': 'feature'}
CHANNELS = (1, 2, 3)


def kind_of(entry: Mapping[str, Any] | None) -> str | None:
    """Kind of the data at this step of a pipeline.

    Args:
        entry (Mapping | None): The nested dict of a modality.

    Returns:
        str | None: A name in ``KINDS``; None before there are data, and behind the steps that make them into something
        else: views of clips ``(1, 3, T, H, W)``, normalised pictures, numbers of word pieces, a packed tensor.
    """
    entry = entry or {}
    if 'inputs' in entry:
        return None
    if 'imgs' in entry:
        return 'video' if _axis_of_channels(entry['imgs']) is not None else None
    if isinstance(entry.get('audios'), np.ndarray):
        return 'waveform' if entry['audios'].ndim == 1 else 'spectrogram'
    feature = entry.get('feature')
    if feature is not None:
        return 'features' if isinstance(feature, np.ndarray) and feature.dtype.kind == 'f' else None
    return 'text' if isinstance(entry.get('text'), str) else None


def corrupt_entry(entry: Mapping[str, Any], kind: Kind, family: str, severity: int, key: str, seed: int,
                  facts: Facts) -> dict[str, Any]:
    """A new nested dict with corrupted data; every view of a video is corrupted by itself."""
    name = KEYS[kind.name]
    if kind.name != 'video':
        return {**entry, name: kind.corrupt(entry[name], family, severity, key, seed, facts)}
    frames = frames_of(entry['imgs'])
    length = entry.get('clip_len') or len(frames)
    views = len(frames) // length if len(frames) % length == 0 else 1
    done = np.concatenate([kind.corrupt(view, family, severity, f'{key}#{number}', seed, facts)
                           for number, view in enumerate(np.split(frames, views))])
    if isinstance(entry['imgs'], list):
        return {**entry, name: list(done)}
    return {**entry, name: np.ascontiguousarray(np.moveaxis(done, -1, _axis_of_channels(entry['imgs']) or -1))}


def frames_of(images: Any) -> np.ndarray:
    """Frames ``(T, H, W, C)`` of a list of pictures or an array with its channels last or second."""
    return np.stack(images) if isinstance(images, list) else np.moveaxis(images, _axis_of_channels(images) or -1, -1)


def _axis_of_channels(images: Any) -> int | None:
    """Axis of the channels of ``(T, ...)``, None where these are no pictures in bytes or in [0, 1]."""
    first = images[0] if isinstance(images, list) and images else images
    if not isinstance(first, np.ndarray) or any(one.shape != first.shape for one in images if first is not images):
        return None
    shape = (len(images), *first.shape) if first is not images else first.shape
    if len(shape) != 4 or not (first.dtype == np.uint8 or first.dtype.kind == 'f' and _is_fraction(images)):
        return None
    return next((axis for axis in (3, 1) if shape[axis] in CHANNELS), None)


def _is_fraction(images: Any) -> bool:
    return all(one.min() >= 0 and one.max() <= 1 for one in images)
