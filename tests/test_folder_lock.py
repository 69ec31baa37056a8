"""One user for a folder: two processes, a dead one, a copy, another machine, a drive without locks."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from mmda_ext import folder_lock
from mmda_ext.folder_lock import LOCK_NAME, FolderInUseError, lock_folder, user_of
from tests.conftest import ROOT

HOLD = """
import os, sys, time
from mmda_ext.folder_lock import lock_folder
with lock_folder(sys.argv[1]):
    if sys.argv[2:] and not os.fork():
        time.sleep(60)
    open(os.path.join(sys.argv[1], 'ready'), 'w').close()
    time.sleep(60)
"""


def hold(folder, *more):
    """Process that uses the folder."""
    process = subprocess.Popen([sys.executable, '-c', HOLD, str(folder), *more], start_new_session=True,
                               env={**os.environ, 'PYTHONPATH': str(ROOT)})
    deadline = time.monotonic() + 30
    while not (folder / 'ready').exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(folder_lock, '_PATIENCE_S', 0.1)


@pytest.fixture
def holder(tmp_path):
    """Process that uses ``tmp_path`` and has forked a child that lives on."""
    process = hold(tmp_path, 'fork')
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def edit(folder, **changes):
    """Change what the lock says, in place."""
    path = folder / LOCK_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def leave(folder, **changes):
    """A lock as a killed process leaves it."""
    with lock_folder(folder):
        text = (folder / LOCK_NAME).read_text()
    path = folder / LOCK_NAME
    path.write_text(text)
    edit(folder, **{'inode': path.stat().st_ino, **changes})


def test_the_second_user_is_told_who_the_first_is(holder, tmp_path):
    user = user_of(tmp_path)
    assert (user.pid, user.elsewhere, user.alive) == (holder.pid, False, True)
    with pytest.raises(FolderInUseError, match=rf'in use by process {holder.pid} on .* since .*: wait for its end'):
        with lock_folder(tmp_path):
            pass
    assert json.loads((tmp_path / LOCK_NAME).read_text())['pid'] == holder.pid


def test_a_killed_user_is_followed_although_its_child_lives(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    end = time.monotonic() + 10
    while user_of(tmp_path) is not None and time.monotonic() < end:
        time.sleep(.05)  # the child has not come to close what it inherited
    assert user_of(tmp_path) is None
    with lock_folder(tmp_path):
        assert json.loads((tmp_path / LOCK_NAME).read_text())['pid'] == os.getpid()


def test_the_lock_ends_with_the_block_and_leaves_nothing(tmp_path):
    for _ in range(2):
        with lock_folder(tmp_path / 'new' / 'folder'):
            with pytest.raises(FolderInUseError, match=f'in use by process {os.getpid()}'):
                with lock_folder(tmp_path / 'new' / 'folder'):
                    pass
        with pytest.raises(ZeroDivisionError), lock_folder(tmp_path / 'new' / 'folder'):
            raise ZeroDivisionError
    assert not list((tmp_path / 'new' / 'folder').iterdir())
    assert user_of(tmp_path / 'absent') is None


def test_another_machine_is_believed_until_its_lock_is_deleted(tmp_path):
    leave(tmp_path, host='elsewhere', pid=7)
    assert user_of(tmp_path).elsewhere
    with pytest.raises(FolderInUseError, match=rf'process 7 on elsewhere .*delete {tmp_path}/{LOCK_NAME} and start'):
        with lock_folder(tmp_path):
            pass
    (tmp_path / LOCK_NAME).unlink()
    with lock_folder(tmp_path):
        assert user_of(tmp_path) is not None


def test_a_copy_of_a_folder_is_another_folder(tmp_path):
    leave(tmp_path / 'a', host='elsewhere')
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    assert user_of(tmp_path / 'b') is None
    with lock_folder(tmp_path / 'b'):
        assert user_of(tmp_path / 'b') is not None


@pytest.mark.parametrize('text', ['', 'not json', '{"pid": 3}', '[]'])
def test_a_lock_that_says_nothing_is_taken_over(tmp_path, text):
    (tmp_path / LOCK_NAME).write_text(text)
    with lock_folder(tmp_path):
        assert user_of(tmp_path) is not None


def test_two_that_wait_for_one_do_not_both_get_it(tmp_path, monkeypatch):
    """The user before deletes its file between our opening and our locking it."""
    real, raced = fcntl.flock, []

    def late(file, how):
        if not raced:
            raced.append((tmp_path / LOCK_NAME).unlink())
        real(file, how)

    monkeypatch.setattr(fcntl, 'flock', late)
    with lock_folder(tmp_path), pytest.raises(FolderInUseError):
        with lock_folder(tmp_path):
            pass


def test_a_lock_that_was_deleted_does_not_take_its_successor_along(tmp_path):
    first, second = lock_folder(tmp_path), lock_folder(tmp_path)
    first.__enter__()
    (tmp_path / LOCK_NAME).unlink()
    second.__enter__()
    first.__exit__(None, None, None)
    assert user_of(tmp_path).pid == os.getpid()
    second.__exit__(None, None, None)
    assert user_of(tmp_path) is None


def test_a_drive_without_locks_asks_for_number_and_start(tmp_path, monkeypatch):
    def no_locks(file, how):
        raise OSError(errno.ENOSYS, 'no locks')

    monkeypatch.setattr(fcntl, 'flock', no_locks)
    with lock_folder(tmp_path):
        assert user_of(tmp_path).pid == os.getpid()
        with pytest.raises(FolderInUseError):
            with lock_folder(tmp_path):
                pass
        edit(tmp_path, start='another start: the number was given again')
        assert user_of(tmp_path) is None
    leave(tmp_path, pid=2 ** 22 + 1)
    assert user_of(tmp_path) is None
