"""Output of frozen layers on disk, one file per sample."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor


class FeatureCache:
    """Tensors by key, in ``<root>/<fingerprint>/``; any number of processes may read and write at once.

    A file appears under its name only when it is complete, and two processes that compute the same sample write the
    same bytes, so that none needs a lock. A file that cannot be read counts as absent.

    Only valid where the input of a sample is the same at every visit: no random crop, flip, noise or masking that is
    drawn anew. ``check_inputs`` compares each input with the one that was stored, and raises on the first that differs.

    Args:
        root (str): Folder; made on first use.
        check_inputs (bool): Compare the digest of the input at each read.
    """

    def __init__(self, root: str, check_inputs: bool = True) -> None:
        self.root, self.check_inputs = Path(root).expanduser(), check_inputs

    def path(self, fingerprint: str, key: str) -> Path:
        """File of a sample; its id may hold any characters."""
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        return self.root / fingerprint / name[:2] / f'{name}.safetensors'

    def read(self, fingerprint: str, key: str, source: Tensor) -> Tensor | None:
        """What was written for ``key``, on the device of ``source``; ``None`` if nothing was.

        Raises:
            ValueError: If it was written for another input than ``source``.
        """
        from safetensors import SafetensorError, safe_open
        path = self.path(fingerprint, key)
        try:
            with safe_open(path, framework='pt') as file:
                stored, states = (file.metadata() or {}).get('input'), file.get_tensor('states')
        except (OSError, SafetensorError):
            return None
        if self.check_inputs and stored != digest(source):
            raise ValueError(f'the input of sample {key!r} is not the one that {path} was computed from: a cache needs '
                             'the same input at every visit, so remove random transforms, set `cache=None`, or delete '
                             f'{self.root} if the data or the pipeline changed')
        return states.to(source.device)

    def write(self, fingerprint: str, key: str, source: Tensor, states: Tensor) -> None:
        """File ``states``, computed from ``source``, under ``key``."""
        from safetensors.torch import save
        path = self.path(fingerprint, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = save({'states': states.detach().cpu().contiguous()}, metadata={'input': digest(source)})
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix='.writing-')
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(content)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def digest(value: Tensor) -> str:
    """Hash of shape, type and content."""
    raw = value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.blake2b(raw, digest_size=16, salt=_tag(value)).hexdigest()


def _tag(value: Tensor) -> bytes:
    return hashlib.blake2b(f'{tuple(value.shape)}{value.dtype}'.encode(), digest_size=16).digest()


class Fingerprint:
    """Hash of the frozen weights and of what else their output depends on; computed anew only when they changed."""

    def __init__(self) -> None:
        self._state: tuple | None = None
        self._value = ''

    def __call__(self, tensors: Iterable[tuple[str, Tensor]], context: str) -> str:
        """Hash of the named ``tensors`` and of ``context`` (architecture, versions, device, precision)."""
        named = list(tensors)
        # Every write in place raises the version of a tensor; replacing its memory changes the address.
        state = (context, *((name, value.data_ptr(), value._version) for name, value in named))
        if state != self._state:
            parts = [context, *(f'{name} {digest(value)}' for name, value in named)]
            self._value = hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:24]
            self._state = state
        return self._value
