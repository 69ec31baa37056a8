"""One cell of the grid that tools/sweep.py runs: its folder, its trainer process, its records."""

import json
import os
import platform
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from preload import Forked

from mmda_ext.apis.recipe_files import recipe_name

_STEP = re.compile(r'Epoch\(train\)\s+\[(\d+)\]\[\s*(\d+)/(\d+)\].*?eta: ((?:\d+ days?, )?\d+:\d\d:\d\d)')
_PACKAGES = ('mmda_ext', 'mmengine', 'mmaction2', 'mmcv-lite', 'mmcv', 'torch', 'numpy')
_GRACE_S = 20


@dataclass
class Cell:
    """One training run of the grid."""

    row: str
    target: str
    seed: int
    config: str
    folder: Path
    options: Sequence[str] = ()
    new_options: Sequence[str] = ()
    data: Sequence[str] = ()
    reason: str = ''
    #: Whether its folder holds something else.
    refused: bool = False

    @property
    def name(self) -> str:
        return f'{self.row} / {self.target} / seed {self.seed}'

    @property
    def recipe(self) -> dict[str, Any]:
        """What must be the same when a cell is continued."""
        return {'config': recipe_name(self.config), 'options': list(self.options),
                'new_options': list(self.new_options), 'data': list(self.data)}

    @property
    def log(self) -> Path:
        return self.folder / 'train.log'

    def result(self) -> dict[str, Any] | None:
        """What the run wrote at its end; None when it has not, or when the file is not whole."""
        if self.refused:
            return None
        content = read_json(self.folder / 'result.json') or {}
        return content if isinstance(content.get('test'), dict) else None

    def refuse(self, reason: str) -> None:
        """Neither train this cell nor take what its folder holds."""
        self.reason, self.refused = reason, True

    def record(self) -> dict[str, Any]:
        """What earlier runs of this cell left: configuration, options, flags of its data, seconds spent, versions."""
        return read_json(self.folder / 'cell.json') or {}

    def note(self, **changes: Any) -> None:
        write_json(self.folder / 'cell.json', {**self.record(), **self.recipe, **changes})


@dataclass
class Run:
    """A cell whose trainer is running."""

    cell: Cell
    process: subprocess.Popen | Forked
    started: float = field(default_factory=time.monotonic)
    #: What keeps others away from the cell.
    claim: ExitStack = field(default_factory=ExitStack)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write beside the file, then rename: a reader never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f'.{socket.gethostname()}-{os.getpid()}.part')  # others may write it, too
    temporary.write_text(json.dumps(content, indent=2) + '\n')
    os.replace(temporary, path)


def versions() -> dict[str, str]:
    found = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if 'mmda_ext' not in found:
        try:
            from mmda_ext.version import __version__ as found_version
        except ImportError:
            return found
        found['mmda_ext'] = found_version
    return found


def start(cell: Cell, trainer: str, jobs: int = 1, preload: bool = False) -> Run:
    """Start the trainer of a cell, as a process of its own or forked from one that has everything imported."""
    command = [
        sys.executable,
        trainer,
        cell.config,
        '--work-dir',
        str(cell.folder),
        '--seed',
        str(cell.seed),
        '--resume',
        *cell.data,
    ]
    for flag, options in (('--cfg-options', cell.options), ('--new-options', cell.new_options)):
        command += [flag, *options] if options else []
    cell.note(versions=versions())
    with open(cell.log, 'a') as log:
        log.write(f'\n$ {shlex.join(command)}\n')
    if preload:
        return Run(cell, Forked(command, cell.log, environment(jobs)))
    with open(cell.log, 'a') as log:
        # A session of its own: Ctrl-C reaches the trainer and its loaders through stop(), once and in order.
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                   env=environment(jobs))
    return Run(cell, process)


def environment(jobs: int) -> dict[str, str]:
    """The caller's environment, with the cores divided among the runs unless it says otherwise.

    OpenMP threads that outnumber the free cores wait for each other in busy loops, and a step then takes ten times as
    long; passive waiting keeps that from happening when something else is running too.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    return {'OMP_NUM_THREADS': str(threads), 'OMP_WAIT_POLICY': 'passive', **os.environ}


def stop(run: Run) -> None:
    """End a trainer and its children: ask, ask firmly, then insist."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(run.process.pid or 0, number)
            run.process.wait(_GRACE_S)
            break
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    spend(run)


def spend(run: Run) -> None:
    before = run.cell.record().get('wall_time_s', 0.0)
    run.cell.note(wall_time_s=round(before + run.elapsed, 1), finished=now())


def finish(run: Run) -> None:
    """Take down what a trainer that ended has left."""
    spend(run)
    code = run.process.returncode
    if code or run.cell.result() is None:
        run.cell.reason = f'exit code {code}{said(run.cell)}' if code else 'ended well, but wrote no result.json'


def said(cell: Cell) -> str:
    """What the trainer's last sentence says happened, without its advice and without the folder of the cell."""
    sentence = next((line for line in reversed(tail(cell.log)) if line.startswith('error: ')), '')
    happened = sentence.removeprefix('error: ').partition('; ')[0].replace(f'{cell.folder.resolve()}/', '')
    return happened and f': {happened}'


def tail(path: Path, lines: int = 15, size: int = 20000) -> list[str]:
    try:
        with open(path, 'rb') as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode(errors='replace').splitlines()[-lines:]
    except OSError:
        return []


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


def seconds_of(text: str) -> float:
    days, _, clock = text.rpartition(', ')
    hours, minutes, seconds = (int(part) for part in clock.split(':'))
    return int(days.split()[0] if days else 0) * 86400 + hours * 3600 + minutes * 60 + seconds


def position(run: Run) -> tuple[str, float | None]:
    """Epoch and iteration of a run, and the seconds it still needs by its own reckoning."""
    for line in reversed(tail(run.cell.log, lines=60)):
        if line.startswith('$ '):
            break
        found = _STEP.search(line)
        if found:
            epoch, step, steps, eta = found.groups()
            return f'epoch {epoch}, iteration {step}/{steps}', seconds_of(eta)
    return 'starting', None


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
