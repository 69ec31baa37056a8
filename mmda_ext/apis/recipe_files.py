"""Where methods and datasets lie, what their files inherit, and the variables that join them."""

import ast
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmda_ext.compat import quiet_substitution

_PACKAGE = Path(__file__).resolve().parents[1]
#: What a method's config inherits at its root.
ROOT_MARK = '{{$MMDA_DATASET'
#: Choices by name; ``losses`` is which losses a rule for any losses balances, ``file`` a feature file or a table, and
#: ``own`` the config that reads it, where another one inherits that.
VARIABLES = {name: f'MMDA_{name.upper()}'
             for name in ('dataset', 'file', 'losses', 'own', 'target', 'sources', 'modalities')}
#: End of the name of a file with data -> the config of ``configs/datasets`` that reads it.
READERS = {'.npz': 'features.py', '.csv': 'table.py', '.parquet': 'table.py'}
#: What ``--dataset`` takes beside the names of ``configs/datasets``, for messages.
OWN_DATA = ('a dataset config (.py), a feature file (.npz) or a table of files (.csv, .parquet) of your own '
            '(docs/own_data.md)')


def configs_folder() -> Path:
    """``configs/`` beside the package in a checkout, else what was installed with it."""
    beside = _PACKAGE.parent / 'configs'
    return beside if (beside / 'methods').is_dir() else _PACKAGE / '.mim' / 'configs'


def datasets() -> list[str]:
    """Names that ``--dataset`` knows."""
    return sorted(path.stem for path in (configs_folder() / 'datasets').glob('*.py')
                  if not path.stem.startswith(('features', 'table')))


def methods(reads_target: bool | None = None) -> list[str]:
    """Names of the methods in ``configs/methods``.

    Args:
        reads_target (bool, optional): Only those of adaptation, or only those without; rules for any losses are both.
    """
    found = {path.stem: path for path in (configs_folder() / 'methods').glob('*.py')}
    return [name for name in sorted(found) if reads_target is None or reads_target in _families(found[name])]


def method_file(name: str) -> str:
    """Config of the method of that name: of the folder where the command was given, else of this package.

    Raises:
        ValueError: If there is none, with the nearest names.
    """
    local = Path('configs', 'methods', f'{name}.py')
    if local.parent.is_dir():
        return str(local)
    if name not in methods():
        close = difflib.get_close_matches(name, methods())
        hint = f'did you mean {" or ".join(close)}? ' if close else ''
        raise ValueError(f'{name}: there is no such method; {hint}configs/methods has {", ".join(methods())}')
    return str(configs_folder() / 'methods' / f'{name}.py')


def recipe_name(file: str) -> str:
    """A config of this package as ``configs/...``, the same on every machine; any other path as it is."""
    folder = configs_folder().resolve()
    path = Path(file).resolve()
    return str(Path('configs', path.relative_to(folder))) if path.is_relative_to(folder) else file


def recipe_file(name: str) -> str:
    """Config of the method or of the named recipe of that name; anything but a bare name is a path, and stays.

    Raises:
        ValueError: As :func:`method_file`.
    """
    if '::' in name or '/' in name or Path(name).suffix or Path(name).is_file():
        return name
    recipe = configs_folder() / f'{name}.py'
    return str(recipe) if recipe.is_file() else method_file(name)


def _families(path: Path) -> set[bool]:
    """Whether a method trains on data with an unlabelled target, without, or both."""
    texts = [file.read_text(encoding='utf-8') for file in chain(path)]
    if any(f'{{{{${VARIABLES["losses"]}' in text for text in texts):
        return {False, True}
    return {path.stem == 'dt' or any('reads_target = True' in text for text in texts)}


def chain(path: Path) -> Iterator[Path]:
    """A config and what it inherits, itself first; what is not there or of another package is left out."""
    yield path
    for base in _bases(path):
        package, _, name = base.rpartition('::')
        # The method that stands where nothing else is chosen.
        name = re.sub(r'\{\{\$\w+:(\S*?)\}\}', r'\1', name)
        file = (configs_folder() if package else path.parent) / name
        if package in ('', 'mmda_ext') and file.is_file():
            yield from chain(file)


def _bases(path: Path) -> list[str]:
    value = _literal(path, '_base_') or ()
    return [value] if isinstance(value, str) else list(value)


def _literal(path: Path, name: str) -> Any:
    """What a config assigns to a name at its top, if it is a literal."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == name:
            try:
                return ast.literal_eval(_dict_calls_to_literals(node.value))
            except ValueError:
                return None
    return None


def _dict_calls_to_literals(node: ast.expr) -> ast.expr:
    """``dict(a=1)`` as ``{'a': 1}``."""
    if isinstance(node, ast.Call) and getattr(node.func, 'id', None) == 'dict' and not node.args:
        return ast.Dict([ast.Constant(key.arg) for key in node.keywords], [key.value for key in node.keywords])
    return node


def method_of(path: Path) -> str:
    """The method that a config is, or the one that it inherits."""
    folder = configs_folder() / 'methods'
    return next((file.stem for file in chain(path) if file.resolve().parent == folder.resolve()), path.stem)


def dataset_file(name: str) -> tuple[Path, dict[str, Any]]:
    """The config of a dataset, and the variables that it needs.

    Args:
        name (str): A name of :func:`datasets`, the file of a config, a feature file or a table.

    Raises:
        FileNotFoundError: If a file is named that does not exist.
        ValueError: If the name is unknown.
    """
    folder = configs_folder() / 'datasets'
    if name in datasets():
        return folder / f'{name}.py', {}
    reader = READERS.get(Path(name).suffix)
    if reader is None and Path(name).suffix != '.py':
        near = difflib.get_close_matches(name, datasets(), 1)
        hint = f'did you mean {near[0]}? ' if near else ''
        raise ValueError(f'--dataset {name} is unknown: {hint}there are {", ".join(datasets())}; or name '
                         f'{OWN_DATA}')
    if not Path(name).is_file():
        raise FileNotFoundError(f'--dataset {name}: there is no such file')
    return (folder / reader, {'file': name}) if reader else (Path(name).resolve(), {})


def is_composed(path: Path) -> bool:
    """Whether a config is a method, or inherits one, and so needs a dataset."""
    readable = path.suffix == '.py' and path.is_file()
    return readable and any(ROOT_MARK in file.read_text(encoding='utf-8') for file in chain(path))


def stated_in(path: Path) -> dict[str, Any]:
    """What a named recipe says of its data, ``recipe = dict(dataset='epic', target=['D1'])``; the nearest counts."""
    found = (_literal(file, 'recipe') for file in chain(path))
    return next((stated for stated in found if stated), {})


def load_with(path: Path, choices: Mapping[str, Any]) -> Config:
    """Read a config with the variables set for as long as that takes.

    Args:
        path (Path): The config.
        choices (Mapping[str, Any]): Values of :data:`VARIABLES`; those of domains and modalities are tuples.
    """
    texts = {VARIABLES[name]: value if isinstance(value, str) else repr(value) for name, value in choices.items()}
    with _environment({name: texts.get(name) for name in VARIABLES.values()}), quiet_substitution():
        return Config.fromfile(path)


@contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    # MMEngine hands the text to `re.sub`, for which a backslash is special.
    _set({name: value and value.replace('\\', r'\\') for name, value in values.items()})
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
