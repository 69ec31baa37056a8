"""Checkpoints by address: looked at before they enter the cache, and read as tensors from it."""

import hashlib
import os
import sys
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from mmda_ext.compat.checkpoints import read_checkpoint


def load_from_http(filename: str, map_location: Any = None, **kwargs: Any) -> Any:
    """Download a checkpoint once and read it without running code from it.

    MMEngine's loader reads everything, keeps files by the last part of their address, so that two runs' ``epoch_1.pth``
    are one, and keeps what was cut off on its way.

    Args:
        filename (str): Address, ``http://`` or ``https://``.
        map_location (Any): Where ``torch.load`` puts the tensors.
        **kwargs: Accepted for MMEngine's callers.

    Returns:
        Any: What the file holds, for MMEngine a dict.

    Raises:
        ConnectionError: If it cannot be downloaded or stored.
        pickle.UnpicklingError: If the file is damaged, or holds more than tensors and MMEngine's own histories.
    """
    from mmengine.dist import barrier, is_main_process
    path = cache_path(filename)
    if not is_main_process():
        barrier()
    try:
        if not path.is_file():
            _download(filename, path)
    finally:
        if is_main_process():
            barrier()
    return read_checkpoint(path, map_location, f'{filename} (kept as {path})')


def cache_path(url: str) -> Path:
    """File in PyTorch's cache: by the name alone where that holds a check sum, as PyTorch does, else by the address."""
    from torch.hub import HASH_REGEX, get_dir
    name = Path(urlparse(url).path).name
    if not HASH_REGEX.search(name):
        name = f'{hashlib.sha256(url.encode()).hexdigest()[:16]}-{name}'
    return Path(get_dir()) / 'checkpoints' / name


def _download(url: str, path: Path) -> None:
    """Fetch, look, then give it its name: other programs read this cache, and not all of them look."""
    from torch.hub import download_url_to_file
    part = path.with_name(f'{path.name}.{uuid.uuid4().hex}.partial')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(url, str(part), progress=sys.stderr.isatty())
        read_checkpoint(part, 'cpu', url)
        os.replace(part, path)
    except (OSError, HTTPException, ValueError) as error:
        raise ConnectionError(f'checkpoint {url} cannot be downloaded to {path.parent} ({error}): check the address, '
                              'or download it by hand and name the file') from error
    finally:
        part.unlink(missing_ok=True)
