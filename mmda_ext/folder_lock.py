"""A folder has one user at a time: a lock that says who, and that ends with its process. Standard library only.

The operating system's ``flock`` decides on one machine, however a process ends and whatever becomes of its number. What
the file says decides between machines: there a lock is believed until somebody deletes it, because whether a process of
another machine lives cannot be seen, and not every network drive carries ``flock`` from one to the other. On a drive
that knows no ``flock`` at all, number and start of the process decide; there two that start in the same instant may
both be let in.
"""

import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

LOCK_NAME = 'run.lock'
#: Seconds for which a lock is asked for again: one who only looks holds it for an instant.
_PATIENCE_S = 1.0
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_held: set[int] = set()


class FolderInUseError(FileExistsError):
    """Another process uses the folder; the message says which, and what to do."""

    #: "Try again later", by the convention of sysexits.h.
    exit_code = 75


@dataclass(frozen=True)
class User:
    """Who uses a folder.

    Args:
        host (str): Name of the machine.
        pid (int): Number of the process there.
        start (str): When the process began, in ticks since the machine did; empty where that is unknown.
        since (str): When the lock was taken.
        command (str): Its command line.
        inode (int): Number of the lock file: a copy of the folder is not the folder.
    """

    host: str
    pid: int
    start: str
    since: str
    command: str
    inode: int

    @property
    def elsewhere(self) -> bool:
        """Whether it runs on another machine, where it cannot be seen."""
        return self.host != socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether a process of this machine is still the one that took the lock."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return _start_of(self.pid) == self.start

    def describe(self, folder: Path) -> str:
        """Sentence for the one who must wait."""
        who = f'{folder} is in use by process {self.pid} on {self.host} since {self.since} ({self.command})'
        if self.elsewhere:
            return (f'{who}, which cannot be seen from {socket.gethostname()}: if that process has ended, delete '
                    f'{folder / LOCK_NAME} and start again')
        return f'{who}: wait for its end, stop it, or name another folder'


@contextmanager
def lock_folder(folder: str | Path) -> Iterator[None]:
    """Be the only user of a folder; it is made where it is missing. A lock whose process is gone is taken over.

    Raises:
        FolderInUseError: If another process uses it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = _take(folder)
    _held.add(file)
    try:
        yield
    finally:
        # Not in a child that was forked meanwhile: there the file is closed already.
        if file in _held:
            _held.remove(file)
            if _is_open_as(file, folder / LOCK_NAME):
                (folder / LOCK_NAME).unlink()
            os.close(file)


def user_of(folder: str | Path) -> User | None:
    """Who uses the folder at this moment; None if nobody does."""
    folder = Path(folder)
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        return _other_user(file)
    finally:
        os.close(file)


def _take(folder: Path) -> int:
    """Open lock file of the folder, locked and signed."""
    path, deadline = folder / LOCK_NAME, time.monotonic() + _PATIENCE_S
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            other = _other_user(file)
            # The user before may have deleted the file between our opening and our locking it.
            if other is None and _is_open_as(file, path):
                _sign(file)
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        if other is not None and time.monotonic() > deadline:
            raise FolderInUseError(other.describe(folder))
        time.sleep(0.05 if other is not None else 0)


def _other_user(file: int) -> User | None:
    """Lock the open file if nobody else has, and say who has."""
    user = _read(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return user or User(socket.gethostname(), 0, '', '?', 'just starting', 0)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return user if user is not None and (user.elsewhere or user.alive) else None
    return user if user is not None and user.elsewhere else None


def _read(file: int) -> User | None:
    try:
        user = User(**json.loads(os.pread(file, 1 << 16, 0)))
    except (ValueError, TypeError):
        return None
    return user if user.inode == os.fstat(file).st_ino else None


def _is_open_as(file: int, path: Path) -> bool:
    """Whether the open file is the one that has this name now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _sign(file: int) -> None:
    since = datetime.now(timezone.utc).isoformat(timespec='seconds')
    # The first may be two words, `mmda train`.
    command = f'{sys.argv[0]} {shlex.join(sys.argv[1:])}'[:500]
    user = User(socket.gethostname(), os.getpid(), _start_of(os.getpid()), since, command, os.fstat(file).st_ino)
    os.ftruncate(file, 0)
    os.pwrite(file, (json.dumps(asdict(user)) + '\n').encode(), 0)


def _start_of(pid: int) -> str:
    try:
        # The name in parentheses may hold anything; the start is the 22nd field.
        return Path(f'/proc/{pid}/stat').read_text(encoding='utf-8', errors='replace').rpartition(')')[2].split()[19]
    except (OSError, IndexError):
        return ''


def _leave_to_the_parent() -> None:
    """A forked child (a worker that loads data) must not keep its parent's lock alive."""
    for file in _held:
        os.close(file)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)
