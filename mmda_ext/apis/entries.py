"""From what a user names to what a pipeline reads: a file, a folder of frames, words or numbers of one modality."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmda_ext.apis.inputs import Input
from mmda_ext.datasets.feature_scaling import scale_features
from mmda_ext.datasets.table_file import read_number

_NUMBERED = re.compile(r'(.*?)(\d+)(\.(?:jpe?g|png|bmp|webp))', flags=re.IGNORECASE)


def entries_of(item: Input, words: Sequence[str] = (), features: Mapping[str, Any] | None = None) -> dict[str, dict]:
    """The nested dicts of a sample (docs/architecture.md), by modality.

    Args:
        item (Input): The sample.
        words (Sequence[str]): Modalities that are words.
        features (Mapping, optional): How features were scaled in training, by modality.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a value cannot be what its modality needs.
    """
    entries = {name: _entry(value, f'{item.id}, {name}', item.folder, name in words, (features or {}).get(name))
               for name, value in item.values.items()}
    return {name: {**entry, **_stretch(item, name, entry)} for name, entry in entries.items()}


def _stretch(item: Input, name: str, entry: Mapping[str, Any]) -> dict[str, float | None]:
    """Which part of its files a row stands for, by the columns that a table to train on has for it."""
    def number(column: str) -> float | None:
        cell = item.row.get(column, '').strip()
        return read_number(cell, column, f'{item.id}, column {column}') if cell else None

    times = {'start_time': number('start'), 'stop_time': number('stop')}
    if 'filename' in entry:
        return times
    # Images and arrays have no clock.
    rate = number(f'{name}_rate') if {'frame_dir', 'array_path'} & entry.keys() else None
    return {**times, 'rate': rate} if rate else {}


def _entry(value: Any, where: str, folder: Path, is_text: bool, features: Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (str, Path)):
        path = folder / Path(value).expanduser()
        if is_text:
            is_file = path.suffix == '.txt' and path.is_file()
            return {'text': path.read_text(encoding='utf-8') if is_file else str(value)}
        entry = _of_path(path, where)
    else:
        entry = {'feature': value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)}
    if features is not None:
        if 'feature' not in entry:
            raise ValueError(f'{where}: the model takes features, and {value} is no array: give an array, or a .npy '
                             f'file, of shape {tuple(features["shape"])}')
        entry['feature'] = scale_features(entry['feature'], features, where)
    return entry


def _of_path(path: Path, where: str) -> dict[str, Any]:
    if path.is_dir():
        return _frames(path, where)
    if not path.is_file():
        raise FileNotFoundError(f'{where}: {path} does not exist: check the path')
    if path.suffix == '.npy':
        try:
            return {'feature': np.load(path, allow_pickle=False), 'array_path': str(path)}
        # A damaged file may fail anywhere in the reading.
        except Exception as error:
            raise ValueError(f'{where}: {path} cannot be read: {error or type(error).__name__}: write it with '
                             'numpy.save') from error
    # Each reader has a key of its own, and the pipeline says which one is there.
    return {'filename': str(path), 'audio_path': str(path), 'start_index': 0, 'modality': 'RGB'}


def _frames(folder: Path, where: str) -> dict[str, Any]:
    """A folder of numbered images in the keys of MMAction2, and in those of pictures of a face."""
    found = [match for path in folder.iterdir() if (match := _NUMBERED.fullmatch(path.name))]
    numbers = sorted(int(match[2]) for match in found)
    forms = {(match[1], len(match[2]), match[3]) for match in found}
    if len(forms) != 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise ValueError(f'{where}: folder {folder} must hold the frames of one video, numbered without gaps and with '
                         'as many digits each, such as img_00001.jpg; of other names and of flow give the dict that '
                         'the pipeline reads (docs/data.md)')
    (prefix, digits, suffix), = forms
    files = sorted(str(folder / match[0]) for match in found)
    return {'frame_dir': str(folder), 'filename_tmpl': f'{prefix}{{:0{digits}}}{suffix}', 'start_index': numbers[0],
            'total_frames': len(numbers), 'face_files': files, 'modality': 'RGB'}
