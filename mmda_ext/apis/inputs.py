"""What a prediction may be asked of: one sample, a list, a table, a folder, or a file of arrays."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmda_ext.datasets.text_files import read_csv

PAGE = 'docs/predict.md'
#: Beside the modalities, what one sample may say of itself.
NAME = 'id'


@dataclass(frozen=True)
class Input:
    """One sample as it was given.

    Args:
        id (str): Name for results and messages: its own, or the file and the row that it comes from.
        values (dict): Modality -> path, text, array, or the dict that the pipeline reads; what it lacks is absent.
        folder (Path): Folder that its relative paths start from.
        row (dict): All columns of its row, where it comes from a table.
    """

    id: str
    values: dict[str, Any]
    folder: Path = Path()
    row: dict[str, str] = field(default_factory=dict)


def read_inputs(source: Any, modalities: Sequence[str]) -> list[Input]:
    """List the samples of a source.

    Args:
        source (Any): ``dict(video=..., audio=...)``; several of them; or a path: of a table (``.csv``) with a column
            for each modality, of a folder with a folder for each modality in which files of one sample have one name,
            or of a file of arrays (``.npz``) with an array ``(n, ...)`` for each modality.
        modalities (Sequence[str]): Those of the model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no sample, or one names an unknown modality or none at all.
    """
    if isinstance(source, (str, Path)):
        found = _from_path(Path(source), modalities)
    elif isinstance(source, Mapping):
        found = [_one(source, modalities, 'the input')]
    elif isinstance(source, Iterable):
        found = [_one(item, modalities, f'input {number}') for number, item in enumerate(source)]
    else:
        raise ValueError(f'{type(source).__name__} is no input: give dict({_example(modalities)}), a list of such '
                         f'dicts, or the path of a table, folder or .npz file ({PAGE})')
    if not found:
        raise ValueError(f'there is no input: give dict({_example(modalities)}), or a list of such dicts ({PAGE})')
    return found


def _example(modalities: Sequence[str]) -> str:
    return ', '.join(f'{name}=...' for name in modalities)


def _one(item: Any, modalities: Sequence[str], name: str) -> Input:
    if not isinstance(item, Mapping):
        raise ValueError(f'{name} is {item!r:.60}: write dict({_example(modalities)}) ({PAGE})')
    name = str(item.get(NAME, name))
    unknown = [key for key in item if key not in modalities and key != NAME]
    if unknown:
        near = difflib.get_close_matches(unknown[0], modalities, 1)
        hint = f'did you mean {near[0]!r}? ' if near else ''
        raise ValueError(f'{name} has {unknown[0]!r}: {hint}the modalities of the model are {", ".join(modalities)}')
    return _with_some({key: item[key] for key in modalities if key in item}, modalities, name)


def _with_some(values: Mapping[str, Any], modalities: Sequence[str], name: str, **more: Any) -> Input:
    """The sample without what is None or empty, if something is left."""
    given = {key: value for key, value in values.items()
             if value is not None and not (isinstance(value, str) and not value.strip())}
    if not given:
        raise ValueError(f'{name} has none of the modalities of the model, {", ".join(modalities)}: give at least one, '
                         f'or leave this sample out')
    return Input(name, given, **more)


def _from_path(path: Path, modalities: Sequence[str]) -> list[Input]:
    if path.is_dir():
        return _from_folder(path, modalities)
    if not path.exists():
        raise FileNotFoundError(f'input {path} does not exist: name a table (.csv), a folder, a file of arrays (.npz), '
                                f'or the parts of one sample, {_example(modalities)}')
    if path.suffix == '.csv':
        return _from_table(path, modalities)
    if path.suffix == '.npz':
        return _from_arrays(path, modalities)
    if len(modalities) == 1:
        return [Input(path.name, {modalities[0]: str(path)})]
    raise ValueError(f'input {path} is one file, and the model takes {", ".join(modalities)}: name the file of each, '
                     f'{_example(modalities)}, or a table (.csv), a folder or a file of arrays (.npz)')


def _from_table(path: Path, modalities: Sequence[str]) -> list[Input]:
    rows = read_csv(path, (), PAGE)
    if not rows:
        raise ValueError(f'{path} has no row: below the names of the columns, write one line for each sample ({PAGE})')
    columns = [name for name in modalities if name in rows[0][1]]
    if not columns:
        raise ValueError(f'{path}, line 1: the columns are {", ".join(rows[0][1])}, and none is a modality of the '
                         f'model, {", ".join(modalities)}: name one column after each')
    return [_with_some({name: row[name] for name in columns}, columns, f'{path}, line {line}', folder=path.parent,
                       row=row) for line, row in rows]


def _from_folder(path: Path, modalities: Sequence[str]) -> list[Input]:
    """``<folder>/<modality>/<name>.*``, or ``<folder>/<name>.*`` where the model has one modality."""
    folders = {name: path / name for name in modalities if (path / name).is_dir()}
    folders = folders or ({modalities[0]: path} if len(modalities) == 1 else {})
    if not folders:
        raise ValueError(f'folder {path} has no folder {" or ".join(modalities)}: lay the files of each modality into '
                         f'one of that name, files of one sample under one name ({PAGE})')
    files: dict[str, dict[str, str]] = {}
    for name, folder in folders.items():
        for file in sorted(one for one in folder.iterdir() if not one.name.startswith('.')):
            own = files.setdefault(file.stem, {})
            if name in own:
                raise ValueError(f'folder {folder} has two files for sample {file.stem!r}, {Path(own[name]).name} and '
                                 f'{file.name}: keep one')
            own[name] = str(file.resolve())
    if not files:
        raise ValueError(f'folder {path} has no files for {", ".join(folders)}: copy them there ({PAGE})')
    return [Input(f'{path}/{stem}', own, row={NAME: stem}) for stem, own in sorted(files.items())]


def _from_arrays(path: Path, modalities: Sequence[str]) -> list[Input]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in modalities if name in file.files}
            ids = file['sample_id'] if 'sample_id' in file.files else None
            names = file.files
    # A damaged archive may fail anywhere in the reading.
    except Exception as error:
        raise ValueError(f'{path} cannot be read: {error or type(error).__name__}: write it with '
                         'numpy.savez') from error
    if not arrays:
        raise ValueError(f'{path} has the arrays {", ".join(names)}, and none is a modality of the model, '
                         f'{", ".join(modalities)}')
    counts = {name: len(values) if values.ndim else 0 for name, values in arrays.items()}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        raise ValueError(f'{path}: the arrays have {counts} rows, one for each sample is needed in all of them')
    rows = range(next(iter(counts.values())))
    named = [f'{path}, row {row}' for row in rows] if ids is None or len(ids) != len(rows) else ids.astype(str).tolist()
    return [Input(named[row], {name: values[row] for name, values in arrays.items()}, row={NAME: named[row]})
            for row in rows]
