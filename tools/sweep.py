"""Train and test a grid of recipes x targets x seeds; stop it and start it again, nothing is lost.

Example:
    python tools/sweep.py --rows base gmp --dataset demo --targets human animal cartoon --seeds 0 1 2 \\
        --work-dir work_dirs/demo

A cell is finished when <work-dir>/<row>/<target>/seed<k>/result.json exists. All cells are gathered in
<work-dir>/results.json after every cell; tools/analysis/report_results.py makes tables and plots of it. A cell in which
another process trains is left to it, and waited for.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.apis.recipe_files import method_file
from mmda_ext.file_names import check_inside
from mmda_ext.folder_lock import FolderInUseError, User, lock_folder, user_of
from sweep_cell import Cell, Run, finish, now, position, read_json, start, stop, tail, versions, write_json

DONE, FAILED, NOT_RUN = 'done', 'failed', 'not run'
METHODS, TRAINER = Path('configs', 'methods'), 'tools/train.py'
_PLAIN_LINE_EVERY_S = 30


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', nargs='+', required=True, metavar='METHOD',
                        help='a name of configs/methods, or NAME=CONFIG, in which {target} is filled in')
    parser.add_argument('--targets', nargs='+', required=True, help='with --dataset, what --target is in turn')
    for name, many in (('dataset', None), ('sources', '+'), ('modalities', '+')):
        parser.add_argument(f'--{name}', nargs=many, help='handed to the trainer')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='handed to the trainer')
    parser.add_argument('--new-options', nargs='+', default=[], metavar='KEY=VALUE', help='the same for new keys')
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time')
    parser.add_argument('--trainer', default=near(TRAINER, Path(__file__).parents[1]))
    parser.add_argument('--preload', action=argparse.BooleanOptionalAction,
                        help='fork runs from one process that has everything imported, or start each anew; by default '
                             'forked, unless --trainer names another')
    args = parser.parse_args(arguments)
    if args.preload is None:
        args.preload = args.trainer == parser.get_default('trainer')
    return args


def near(path: str, root: Path) -> str:
    """A path of the checkout as it stands where the command was given, else whole: from any folder."""
    return path if Path(path).is_file() else str(root / path)


def grid(args: argparse.Namespace) -> list[Cell]:
    """Cells of the grid, seeds outermost: after a stop, every recipe has met the same seeds.

    Raises:
        ValueError: If a row is malformed, a configuration is missing, a name leaves the folder, or a folder was made by
            another recipe.
    """
    named = [row if '=' in row else f'{row}={method_file(row)}' for row in args.rows]
    rows = dict(row.partition('=')[::2] for row in named)
    bad = [row for row in named if not all(row.partition('='))]
    if bad or len(rows) < len(args.rows):
        raise ValueError(f'--rows {" ".join(bad or args.rows)}: write distinct METHOD or NAME=CONFIG')
    cells = []
    for seed, target, (row, template) in product(args.seeds, args.targets, rows.items()):
        if '{target}' not in template and len(args.targets) > 1 and not args.dataset:
            raise ValueError(f'--rows {row}={template}: with several targets, name a --dataset or write {{target}} in '
                             'the path')
        folder = args.work_dir / check_inside(row, '--rows') / check_inside(target, '--targets') / f'seed{seed}'
        cells.append(Cell(row, target, seed, template.replace('{target}', target), folder, args.cfg_options,
                          args.new_options, data_flags(args.dataset, target, args.sources, args.modalities)))
    for cell in cells:
        check(cell)
    return cells


def data_flags(dataset: str | None, target: str, sources: Sequence[str] | None = None,
               modalities: Sequence[str] | None = None) -> list[str]:
    """The flags of one cell that choose data."""
    flags = ['--dataset', dataset, '--target', target] if dataset else []
    flags += ['--sources', *sources] if sources else []
    return flags + (['--modalities', *modalities] if modalities else [])


def check(cell: Cell) -> None:
    if not Path(cell.config).is_file():
        raise ValueError(f'{cell.config} does not exist (row {cell.row}, target {cell.target})')
    if (cell.folder / 'cell.json').exists() and read_json(cell.folder / 'cell.json') is None:
        raise ValueError(f'{cell.folder / "cell.json"} is damaged, so nothing says which recipe made this folder: name '
                         'another row or --work-dir, or remove that folder')
    record = {**cell.recipe, 'new_options': [], 'data': [], **cell.record()} if cell.record() else cell.recipe
    for key, current in cell.recipe.items():
        before = record[key]
        if before != current:
            raise ValueError(
                f'{cell.folder} was made with {key} {before!r}, now it is {current!r}: '
                'name another row or --work-dir, or remove that folder'
            )


def clock(seconds: float | None) -> str:
    return '?' if seconds is None else str(timedelta(seconds=int(seconds)))


class Sweep:
    """The grid's progress: what runs, what waits, what came out."""

    def __init__(self, cells: list[Cell], args: argparse.Namespace) -> None:
        self.cells, self.args = cells, args
        self.waiting = [cell for cell in cells if cell.result() is None and not cell.reason]
        self.users: dict[str, User] = {}
        self.running: list[Run] = []
        self.durations = [t for c in cells if c.result() and (t := c.record().get('wall_time_s'))]

    @property
    def done(self) -> int:
        return sum(cell.result() is not None for cell in self.cells)

    @property
    def failed(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.reason]

    def eta(self) -> float | None:
        """Seconds until the last cell: what the running ones say, plus a mean cell for each that waits."""
        left = [(run, position(run)[1]) for run in self.running]
        known = self.durations + [run.elapsed + rest for run, rest in left if rest is not None]
        if not known:
            return None
        mean = sum(known) / len(known)
        rest = sum(max(0.0, mean - run.elapsed) if own is None else own for run, own in left)
        return (rest + mean * len(self.waiting)) / max(1, min(self.args.jobs, len(left) + len(self.waiting)))

    def step(self) -> list[Run]:
        """Start what may start and return the runs that have just ended."""
        slots = self.args.jobs - len(self.running)
        for cell in self.free()[:slots] if slots > 0 else ():
            self.waiting.remove(cell)
            self.running.append(start(cell, self.args.trainer, self.args.jobs, self.args.preload))
        ended = [run for run in self.running if run.process.poll() is not None]
        for run in ended:
            self.running.remove(run)
            finish(run)
            if run.process.returncode == FolderInUseError.exit_code:
                run.cell.reason = ''
                self.waiting.append(run.cell)
            elif not run.cell.reason:
                self.durations.append(run.elapsed)
        if ended:
            self.save()
        return [run for run in ended if run.cell not in self.waiting]

    def free(self) -> list[Cell]:
        """Waiting cells in which nobody trains, such as a trainer that outlived the sweep that had started it."""
        used = {cell.name: user for cell in self.waiting if (user := user_of(cell.folder)) is not None}
        for cell in list(self.waiting):
            user = used.get(cell.name)
            if user is not None and user.elsewhere:
                cell.reason = user.describe(cell.folder)
            if cell.reason or (user is None and cell.name in self.users and cell.result() is not None):
                self.waiting.remove(cell)
        self.users = used
        return [cell for cell in self.waiting if cell.name not in used]

    def save(self) -> None:
        args = self.args
        head = {'updated': now(), 'versions': versions(), 'main_metric': 'acc/top1', 'cfg_options': args.cfg_options}
        head |= {name: getattr(args, name) for name in ('table', 'dataset', 'sources', 'modalities')
                 if getattr(args, name, None)}
        head |= {'new_options': args.new_options}
        head |= {'rows': list(dict.fromkeys(c.row for c in self.cells)), 'targets': args.targets, 'seeds': args.seeds}
        write_json(args.work_dir / 'results.json', {**head, 'cells': [self.entry(cell) for cell in self.cells]})

    def entry(self, cell: Cell) -> dict[str, Any]:
        result, record = cell.result(), cell.record()
        state = DONE if result else FAILED if cell.reason else NOT_RUN
        entry = {'row': cell.row, 'target': cell.target, 'seed': cell.seed, 'config': cell.recipe['config'],
                 'state': state}
        entry |= {key: record.get(key) for key in ('wall_time_s', 'finished', 'versions')}
        entry['folder'] = os.path.relpath(cell.folder, self.args.work_dir)
        return {**entry, 'reason': cell.reason, 'result': result}


class Display:
    """One live picture of the grid on a terminal, plain lines elsewhere."""

    def __init__(self, sweep: Sweep, console: Console) -> None:
        self.sweep, self.console, self.started = sweep, console, time.monotonic()
        columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[note]}'))
        self.live = console.is_terminal
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
            if name not in self.told:
                self.told.add(name)
                self.say(f'{name} waits: process {user.pid} of {user.host} trains there ({user.command})')
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


def run_grid(sweep: Sweep, display: Display, poll_s: float = 0.2) -> None:
    try:
        with display.progress:
            while sweep.waiting or sweep.running:
                for run in sweep.step():
                    display.ended(run)
                display.refresh()
                time.sleep(poll_s if sweep.running or sweep.waiting else 0)
    finally:
        for run in sweep.running:
            stop(run)
        sweep.save()


def main(arguments: Sequence[str] | None = None) -> int:
    args, console = parse_args(arguments), Console()
    with ExitStack() as stack:
        try:
            cells = grid(args)
            stack.enter_context(lock_folder(args.work_dir))
        except (ValueError, FolderInUseError) as error:
            console.print(f'error: {error}', markup=False, soft_wrap=True)
            return 2
        return train(Sweep(cells, args), console)


def train(sweep: Sweep, console: Console) -> int:
    """Run what is missing of the grid, and say what came out."""
    display = Display(sweep, console)
    display.say(f'{len(sweep.cells)} cells, {sweep.done} of them done already')
    for cell in sweep.waiting:
        if (cell.folder / 'result.json').exists():
            display.say(f'{cell.folder / "result.json"} is damaged: the cell is tested again')
    try:
        run_grid(sweep, display)
    except KeyboardInterrupt as end:
        display.say(f'stopped with {sweep.done}/{len(sweep.cells)} cells done; the same command goes on from here')
        return getattr(end, 'exit_code', 130)
    for cell in sweep.failed:
        display.say(f'failed: {cell.name} ({cell.reason}), log: {cell.log}')
    display.say(f'{sweep.done}/{len(sweep.cells)} cells done: {sweep.args.work_dir / "results.json"}')
    return 1 if sweep.failed else 0


if __name__ == '__main__':
    # As long as it takes: a trainer that is to end may be saving.
    sys.exit(run_with_one_line_errors(main, grace_s=None))
