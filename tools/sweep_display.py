"""What a terminal or a log shows while tools/sweep.py trains its cells."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from mmda_ext.folder_lock import LOCK_NAME
from sweep_cell import Run, position, tail

if TYPE_CHECKING:
    from sweep import Sweep

_PLAIN_LINE_EVERY_S = 30

def clock(seconds: float | None) -> str:
    return '?' if seconds is None else str(timedelta(seconds=int(seconds)))


class Display:
    """One live picture of the grid on a terminal, plain lines elsewhere."""

    def __init__(self, sweep: Sweep, console: Console) -> None:
        self.sweep, self.console, self.started = sweep, console, time.monotonic()
        columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[note]}'))
        self.live = console.file.isatty()
        self.progress = Progress(*columns, console=console, disable=not self.live)
        self.whole = self.progress.add_task('grid', total=len(sweep.cells), note='')
        self.tasks: dict[str, TaskID] = {}
        self.told: set[str] = set()
        self.last_line = -float('inf')

    def refresh(self) -> None:
        fractions = 0.0
        for run in self.sweep.running:
            text, rest = position(run)
            share = 0.0 if rest is None else run.elapsed / max(run.elapsed + rest, 1e-6)
            fractions += share
            self._show(run, share, f'{text}, {clock(run.elapsed)} gone, {clock(rest)} left')
        for name, user in self.sweep.users.items():
            if name not in self.told and not self.sweep.running:
                self.told.add(name)
                remedy = f'; if it has ended, delete each {LOCK_NAME} in that cell' if user.elsewhere else ''
                self.say(f'{name} waits: process {user.pid} of {user.host} trains there ({user.command}){remedy}')
        elapsed, eta = clock(time.monotonic() - self.started), clock(self.sweep.eta())
        counts = f'{self.sweep.done}/{len(self.sweep.cells)} cells, {len(self.sweep.failed)} failed'
        note = f'{counts}, {elapsed} gone, {eta} left'
        self.progress.update(self.whole, completed=self.sweep.done + fractions, note=note)
        if not self.live and time.monotonic() - self.last_line >= _PLAIN_LINE_EVERY_S:
            self.last_line = time.monotonic()
            current = '; '.join(f'{run.cell.name}: {position(run)[0]}' for run in self.sweep.running)
            self.say(f'{note} | {current}')

    def _show(self, run: Run, share: float, note: str) -> None:
        name = run.cell.name
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(escape(name), total=1.0, note='')
            if not self.live:
                self.say(f'start {name}, log: {run.cell.log}')
        self.progress.update(self.tasks[name], completed=share, note=note)

    def ended(self, run: Run) -> None:
        if run.cell.name in self.tasks:
            self.progress.remove_task(self.tasks.pop(run.cell.name))
        if run.cell.reason:
            self.say(f'FAILED {run.cell.name}: {run.cell.reason}; end of {run.cell.log}:')
            self.say('\n'.join(f'    {line}' for line in tail(run.cell.log)))
            return
        result = run.cell.result() or {}
        part, of = getattr(self.sweep.args, 'part', 'test'), 'target'
        if part == 'val':  # a search, which may not look at the target
            of = 'source validation'
        accuracy, rule = (result.get(part) or {}).get('acc/top1'), result.get('selection', 'unknown')
        self.say(f'done {run.cell.name}: {of} acc/top1 {accuracy} (selection: {rule}), {clock(run.elapsed)}')

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
