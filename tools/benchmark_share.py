"""Several processes or machines that fill one work folder of tools/benchmark.py together.

Who works on the folder is in ``<work-dir>/workers``: a locked folder for each process, with the protocol it follows.
Cells are taken one by one (tools/sweep.py), so nothing here hands out work.
"""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmda_ext.folder_lock import FolderInUseError, lock_folder, user_of

#: Seconds for which a process waits for another one's short turn: drawing trials, writing tables.
_PATIENCE_S = 120.0


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A short turn in a shared folder, one process after the other.

    Raises:
        FolderInUseError: If the turn of another one does not end.
    """
    deadline = time.monotonic() + _PATIENCE_S
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(lock_folder(folder))
                break
            except FolderInUseError:
                if time.monotonic() > deadline:
                    raise
        yield


@contextmanager
def join(folder: Path, protocol: str) -> Iterator[None]:
    """Work on a folder beside all who follow the same protocol.

    Raises:
        FolderInUseError: If somebody works there by another protocol.
    """
    workers = folder / 'workers'
    own = workers / f'{socket.gethostname()}-{os.getpid()}'
    with ExitStack() as stack:
        with alone(folder):
            for other in workers.glob('*'):
                _compare(other, protocol)
            stack.enter_context(lock_folder(own))
            (own / 'protocol').write_text(protocol)
        stack.callback(shutil.rmtree, own, ignore_errors=True)
        yield


def _compare(worker: Path, protocol: str) -> None:
    user = user_of(worker)
    if user is None:  # killed
        shutil.rmtree(worker, ignore_errors=True)
    elif (worker / 'protocol').read_text() != protocol:
        raise FolderInUseError(f'by another protocol, {user.describe(worker)}')


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
