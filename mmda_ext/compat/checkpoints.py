"""Checkpoints read as tensors: no file runs code, wherever it comes from and whatever asks for it."""

import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from mmda_ext.stack import version_of

#: PyTorch's own switches: the first makes every ``torch.load`` read tensors only, the second is the user's word that
#: the files can be trusted.
TENSORS_ONLY, TRUSTED = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
_OLD_MODULES = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}
#: What the readers say of a name that is none of the harmless ones.
_FOREIGN = re.compile(r'([Uu]nsupported (GLOBAL|global|class)|asks for attribute)[^\n]*')
_ON = ('1', 'y', 'yes', 'true')
#: Statistics of MMEngine's histories, pickled as attributes of the class.
_STATISTICS = ('min', 'max', 'current', 'mean')


def _method_of_history(owner: Any, name: str) -> Any:
    """Stand-in for ``getattr`` while a checkpoint is read: a history's statistics are pickled as its attributes."""
    from mmengine.logging.history_buffer import HistoryBuffer
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError(f'the checkpoint asks for attribute {name!r} of {owner!r}')
    return getattr(owner, name)


@lru_cache(maxsize=1)
def checkpoint_globals() -> list[Any]:
    """Harmless classes and functions that MMEngine writes into its own checkpoints."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    core = getattr(np, '_core' if version_of('numpy') >= (2, ) else 'core')
    dtypes = {type(np.dtype(name)) for name in ('f8', 'f4', 'i8', 'i4', 'u4', 'u1', '?')}
    # NumPy 1 and 2 name the module differently, and a checkpoint may come from either.
    arrays = [(getattr(core.multiarray, name), f'numpy.{module}.multiarray.{name}')
              for name in ('_reconstruct', 'scalar') for module in ('core', '_core')]
    return [HistoryBuffer, (_method_of_history, 'builtins.getattr'), np.ndarray, np.dtype, *dtypes, *arrays]


class TensorsOnly(pickle.Unpickler):
    """For torch below 2.6, whose own reader takes no further names: finds the harmless ones and refuses others."""

    def find_class(self, module: str, name: str) -> Any:
        from torch._weights_only_unpickler import _get_allowed_globals
        ours = dict((item[1], item[0]) if isinstance(item, tuple) else (f'{item.__module__}.{item.__name__}', item)
                    for item in checkpoint_globals())
        known = {**_get_allowed_globals(), **ours}
        # Checkpoints are written in a protocol with the old names of modules.
        full = f'{_OLD_MODULES.get(module, module)}.{name}'
        if full not in known:
            raise pickle.UnpicklingError(f'Unsupported global: {full}')
        return known[full]


def allow_mmengine_checkpoints() -> None:
    """Let MMEngine read its own checkpoints under torch >= 2.6, and refuse to run code from any, by every scheme.

    Upstream, a file from ``http(s)`` may run code, because PyTorch's loader of addresses reads everything.

    https://github.com/open-mmlab/mmengine/issues/1655
    """
    from mmengine.runner import checkpoint

    # Here, because it reads through this module.
    from mmda_ext.compat.downloads import load_from_http
    if checkpoint.load_from_http is load_from_http:
        return
    # Local files, s3, pavi, open-mmlab by path: whatever the module reads, it reads by this name.
    checkpoint.torch = _TorchOfCheckpoints()
    # torchvision, modelzoo, open-mmlab and mmcls become addresses, and call it by name.
    checkpoint.load_from_http = load_from_http
    register = checkpoint.CheckpointLoader.register_scheme
    register(prefixes=('http://', 'https://'), loader=load_from_http, force=True)
    register(prefixes='', loader=load_from_local, force=True)


class _TorchOfCheckpoints:
    """``torch`` as MMEngine's module of checkpoints sees it: ``load`` reads tensors only."""

    def __getattr__(self, name: str) -> Any:
        import torch
        return getattr(torch, name)

    @staticmethod
    def load(file: str | Path | IO[bytes], map_location: Any = None, **kwargs: Any) -> Any:
        return read_checkpoint(file, map_location)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint file without running code from it.

    Args:
        filename (str): Path of the file.
        map_location (Any): Where ``torch.load`` puts the tensors.

    Returns:
        Any: What the file holds, for MMEngine a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If the file is damaged, or holds more than tensors and MMEngine's own histories.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist: check the path on the command line, `load_from` or '
                                '`init_cfg`')
    return read_checkpoint(path, map_location)


def read_checkpoint(file: str | Path | IO[bytes], map_location: Any = None, name: str = '') -> Any:
    """What a file or an open one holds: tensors, plain values and MMEngine's own histories, never code.

    Args:
        file (str | Path | IO): Where to read.
        map_location (Any): Where ``torch.load`` puts the tensors.
        name (str): Of the file, for messages.

    Raises:
        pickle.UnpicklingError: If the file is damaged, or holds more.
    """
    name = name or (str(file) if isinstance(file, (str, Path)) else 'from a storage backend')
    try:
        return _load(file, map_location)
    except (OSError, MemoryError):
        raise
    # A hostile or a truncated file may fail anywhere in the reading.
    except Exception as error:
        text = str(error)
        foreign = _FOREIGN.search(text)
        if foreign:
            raise pickle.UnpicklingError(
                f'checkpoint {name} holds more than tensors and is not loaded, because such a file can run code; if '
                f'you trust its origin, set {TRUSTED}=1 and try again ({foreign[0]})') from error
        raise pickle.UnpicklingError(
            f'checkpoint {name} cannot be read: it is damaged, perhaps cut short while it was written, or no '
            f'checkpoint at all; use another one ({type(error).__name__}: {text.partition(". ")[0]})') from error


def _load(file: Any, map_location: Any) -> Any:
    import torch
    if version_of('torch') >= (2, 6):
        with torch.serialization.safe_globals(checkpoint_globals()):
            return torch.load(file, map_location=map_location)
    if is_on(TRUSTED):
        return torch.load(file, map_location=map_location, weights_only=False)
    reader: Any = ModuleType('tensors_only')
    reader.Unpickler, reader.load = TensorsOnly, lambda source, **options: TensorsOnly(source, **options).load()
    with _environment(TENSORS_ONLY, None):
        return torch.load(file, map_location=map_location, weights_only=False, pickle_module=reader)


@contextmanager
def tensors_only() -> Iterator[None]:
    """Every ``torch.load`` inside reads tensors only, whatever a library asks for; the user's word is above it."""
    if is_on(TRUSTED):
        yield
        return
    with _environment(TENSORS_ONLY, '1'):
        yield


def is_on(variable: str) -> bool:
    """Whether a switch of the environment is on, as PyTorch reads its own."""
    return os.environ.get(variable, '').lower() in _ON


@contextmanager
def _environment(variable: str, value: str | None) -> Iterator[None]:
    before = os.environ.get(variable)
    _set(variable, value)
    try:
        yield
    finally:
        _set(variable, before)


def _set(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value
