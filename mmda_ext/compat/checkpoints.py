"""Checkpoints of MMEngine under a torch that reads tensors only."""

import pickle
import zipfile
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmda_ext.stack import version_of


def _method_of_history(owner: Any, name: str) -> Any:
    """Stand-in for ``getattr`` while a checkpoint is read: a history's statistics are pickled as its attributes."""
    from mmengine.logging.history_buffer import HistoryBuffer
    if owner is not HistoryBuffer and not isinstance(owner, HistoryBuffer):
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


def allow_mmengine_checkpoints() -> None:
    """Let MMEngine read its own checkpoints under torch >= 2.6, still refusing to run code from the file.

    https://github.com/open-mmlab/mmengine/issues/1655
    """
    from mmengine.runner.checkpoint import CheckpointLoader
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint file without running code from it (torch >= 2.6; older torch reads as it always did).

    Args:
        filename (str): Path of the file.
        map_location (Any): Where ``torch.load`` puts the tensors.

    Returns:
        Any: What the file holds, for MMEngine a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If the file is damaged, or holds more than tensors and MMEngine's own histories.
    """
    import torch
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist: check the path on the command line, `load_from` or '
                                '`init_cfg`')
    # From 2.6 on, torch.load reads tensors only, and the allow-list takes names beside objects.
    safe = version_of('torch') >= (2, 6)
    try:
        with torch.serialization.safe_globals(checkpoint_globals()) if safe else nullcontext():
            return torch.load(path, map_location=map_location)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(
            f'checkpoint {path} holds more than tensors and is not loaded, because such a file can run code; if '
            f'you trust its origin, set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 and try again. ({error})') from error
    except (RuntimeError, EOFError) as error:
        if zipfile.is_zipfile(path):
            raise
        raise pickle.UnpicklingError(
            f'checkpoint {path} is damaged, perhaps cut short while it was written: use another one') from error
