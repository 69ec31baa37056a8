"""Dumped predictions read as tensors: MMEngine writes them as a plain pickle, which may run code when it is loaded."""

from io import BytesIO
from pathlib import Path
from typing import Any

from mmda_ext.compat.checkpoints import TensorsOnly, read_checkpoint


class _Dump(TensorsOnly):
    """Finds what a checkpoint may hold, and storages of tensors, which are little checkpoints of their own."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return lambda data: read_checkpoint(BytesIO(data), 'cpu', 'inside the dump')
        return super().find_class(module, name)


def read_dump(path: str | Path) -> list[dict[str, Any]]:
    """The predicted samples in a file that ``DumpResults`` wrote (``tools/test.py --dump``), never code.

    MMEngine 0.10 has no reader but ``pickle.load``.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, holds more than tensors and plain values, or no list of samples.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist: write it with tools/test.py CONFIG CHECKPOINT --dump {path}')
    try:
        with path.open('rb') as file:
            samples = _Dump(file).load()
    except (OSError, MemoryError):
        raise
    # A hostile or a truncated file may fail anywhere in the reading.
    except Exception as error:
        raise ValueError(f'{path} is no dump of predictions that can be read without running code: write it anew with '
                         f'tools/test.py CONFIG CHECKPOINT --dump {path} ({error or type(error).__name__})') from error
    if not isinstance(samples, list) or not samples or not all(isinstance(sample, dict) for sample in samples):
        raise ValueError(f'{path} holds no list of predicted samples: write it anew with tools/test.py CONFIG '
                         f'CHECKPOINT --dump {path}')
    return samples
