"""Trainers that start from a process which has everything imported: some seconds less for each of many short runs.

The standard library's fork server imports the trainer's modules once; each run is a fork of it, with a state of its own
from there on, in a session of its own, and with standard output and error in its log.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

MODULES = ['mmda_ext.apis.warm']


class Forked:
    """A forked trainer that answers like ``subprocess.Popen``.

    Args:
        command (Sequence[str]): As for ``Popen``; the first word, the interpreter, is this one.
        log (Path): File to append to.
        env (Mapping[str, str]): Environment. Thread counts act from the first run on only, when torch is loaded.
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        # The server reads it when it starts, before it loads torch.
        os.environ.update(env)
        # MMEngine looks for a GPU when it is imported. By default that look starts CUDA, which no fork can use then.
        os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(MODULES)
        self._process = context.Process(target=_train, args=(list(command[1:]), str(log), dict(env)))
        self._process.start()

    @property
    def pid(self) -> int | None:
        """Of the process, and of the session that it leads."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, ``None`` while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Exit code, ``None`` while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end.

        Raises:
            subprocess.TimeoutExpired: If it did not come.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired('forked trainer', timeout or 0)
        return self.returncode


def cuda_is_lost() -> bool:
    """Whether CUDA was started before the fork all the same, so that this process cannot use it."""
    torch = sys.modules.get('torch')
    return torch is not None and torch.cuda._is_in_bad_fork()


def _train(arguments: list[str], log: str, env: dict[str, str]) -> None:
    os.setsid()
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(target, stream)
    os.environ.update(env)
    if cuda_is_lost():
        # Slower, and right.
        os.execve(sys.executable, [sys.executable, *arguments], os.environ)
    sys.argv = arguments
    sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
    runpy.run_path(arguments[0], run_name='__main__')


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
