"""Compare recipes on several data sets under one protocol, which a small file states; stop it and start it again.

    python tools/benchmark.py configs/benchmarks/reduced.yaml --work-dir work_dirs/reduced --jobs 2

For every data set of the file, every row is searched with the same number of trials on each target, selected on source
validation, and trained with what was found for every seed. Then one table of rows x data sets is written
(<work-dir>/table.md, table.csv, ranks.png), beside one of rows x targets in the folder of each data set. What is
finished is not trained again, and the same command, given several times at once, shares the work: on one machine or on
several that see the folder. docs/compare.md says what the file holds.
"""

import argparse
import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import yaml  # noqa: E402
from benchmark_file import LEAVE_ONE_OUT, Benchmark, Row, Table, read_benchmark  # noqa: E402
from benchmark_search import Search, open_journal, score  # noqa: E402
from benchmark_share import alone, join  # noqa: E402
from rich.console import Console  # noqa: E402

import sweep  # noqa: E402
from analysis import report_results  # noqa: E402
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from mmda_ext.folder_lock import FolderInUseError  # noqa: E402
from mmda_ext.selection_rules import SOURCE_VALIDATION  # noqa: E402
from sweep_cell import Cell, write_json  # noqa: E402

#: What a sweep returns at least when a signal stopped it.
STOPPED = 128
#: Names of a table, a row and a target.
Key = tuple[str, str, str]


def parse_args(arguments: Sequence[str] | None = None) -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path, help='the protocol (.yaml)')
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time')
    parser.add_argument('--trainer', default=sweep.near(sweep.TRAINER, Path(__file__).parents[1]))
    return parser.parse_args(arguments)


@dataclass(frozen=True)
class Trial:
    """Values that a search tries: one training, or one for each source domain that is left out in turn."""

    row: str
    target: str
    number: int
    cells: list[Cell]

    def score(self, select: str) -> float | None:
        """What the search maximises; None while a training is missing.

        Raises:
            ValueError: If a run was not selected on source validation.
        """
        results = [cell.result() for cell in self.cells]
        if not all(results):
            return None
        return mean(score(result or {}, unseen=select == LEAVE_ONE_OUT) for result in results)


def open_searches(benchmark: Benchmark, args: Namespace) -> dict[Key, Search]:
    """The search of each (table, row, target); one that was begun otherwise is refused before anything trains."""
    if not benchmark.trials:
        return {}
    storage = open_journal(args.work_dir / 'optuna.journal')
    rule = '' if benchmark.select == SOURCE_VALIDATION else f', selected by {benchmark.select}'
    return {(table.name, row.name, target): Search(storage, f'{table.name}/{row.name}/{target}',
                                                   benchmark.spaces[row.name, table.name],
                                                   f'{row} on {table}{rule}')
            for table in benchmark.tables for row in benchmark.rows for target in table.targets}


def search_table(table: Table, benchmark: Benchmark, searches: Mapping[Key, Search], args: Namespace,
                 console: Console) -> int:
    """Train the trials of one data set that are missing, and write what is best to ``searched.json``."""
    folder, trials = args.work_dir / table.name / 'search', []
    with alone(args.work_dir):
        drawn = {(row.name, target): searches[table.name, row.name, target].trials(benchmark.trials,
                                                                                   benchmark.search_seed)
                 for row in benchmark.rows for target in table.targets}
    for row in benchmark.rows:
        for target in table.targets:
            for number, values in enumerate(drawn[row.name, target]):
                cells = trial_cells(row, table, target, folder / row.name / target / f'trial{number}', benchmark)
                for cell in cells:
                    cell.row, cell.options = f'{row.name} trial {number}', [*cell.options, *options(values)]
                trials.append(Trial(row.name, target, number, cells))
    cells = [cell for trial in trials for cell in trial.cells]
    status = run_cells(cells, args, console, folder, table, [benchmark.search_seed])
    with alone(args.work_dir):
        write_json(args.work_dir / table.name / 'searched.json', choose(table, trials, searches, benchmark.select))
    return status


def trial_cells(row: Row, table: Table, target: str, folder: Path, benchmark: Benchmark) -> list[Cell]:
    """The trainings that score one trial; none of them reads a label of the target."""
    if benchmark.select == SOURCE_VALIDATION:
        return [make_cell(row, table, target, benchmark.search_seed, folder)]
    return [make_cell(row, replace(table, sources=others), name, benchmark.search_seed, folder / name)
            for name, others in table.left_out(target).items()]


def choose(table: Table, trials: Sequence[Trial], searches: Mapping[Key, Search],
           select: str) -> dict[str, dict[str, Any]]:
    """Row -> target -> the best trial, or the ``reason`` why there is none."""
    found: dict[str, dict[str, Any]] = {}
    for trial in trials:
        search = searches[table.name, trial.row, trial.target]
        own = found.setdefault(trial.row, {}).setdefault(trial.target, {'reason': 'no trial of its search ended'})
        try:
            if (reached := trial.score(select)) is not None:
                search.tell(trial.number, reached)
        except ValueError as error:
            own['reason'] = str(error)
    for row, targets in found.items():
        for target in targets:
            if (best := searches[table.name, row, target].best()) is not None:
                number, values, reached = best
                targets[target] = {'trial': number, 'options': options(values), select: reached}
    return found


def train_table(table: Table, benchmark: Benchmark, args: Namespace, console: Console) -> int:
    """Train every row with what the search found, for every seed; write the table of this data set."""
    folder = args.work_dir / table.name
    found = json.loads((folder / 'searched.json').read_text()) if benchmark.trials else None
    cells = []
    for seed in benchmark.seeds:
        for target in table.targets:
            for row in benchmark.rows:
                cell = make_cell(row, table, target, seed, folder / row.name / target / f'seed{seed}')
                own = {} if found is None else found[row.name][target]
                cell.data = [*cell.data, *(['--also-select', *benchmark.rules] if benchmark.rules else [])]
                cell.options, cell.reason = [*cell.options, *own.get('options', ())], own.get('reason', '')
                cells.append(cell)
    status = run_cells(cells, args, console, folder, table, benchmark.seeds)
    if status in (0, 1):
        results = str(folder / 'results.json')
        with alone(args.work_dir):
            report_results.main([results])
            if benchmark.rules:
                report_results.main([results, '--selection', SOURCE_VALIDATION, *benchmark.rules])
    return status


def make_cell(row: Row, table: Table, target: str, seed: int, folder: Path) -> Cell:
    data = sweep.data_flags(table.dataset, target, table.sources, table.modalities)
    data += ['--upper-bound'] if row.upper_bound else []
    return Cell(row.name, target, seed, row.config, folder, options(row.options), [], data)


def options(values: dict[str, object]) -> list[str]:
    """As ``--cfg-options`` takes them."""
    return [f'{key}={value}' for key, value in values.items()]


def run_cells(cells: list[Cell], args: Namespace, console: Console, folder: Path, table: Table,
              seeds: Sequence[int]) -> int:
    """One sweep over these cells; its results lie in ``folder``."""
    for cell in cells:
        try:
            sweep.check(cell)
        except ValueError as error:
            cell.refuse(str(error))
    own = Namespace(work_dir=folder, jobs=args.jobs, trainer=args.trainer, preload=True, shared=True, cfg_options=[],
                    new_options=[], table=table.name, dataset=table.dataset, sources=table.sources,
                    modalities=table.modalities, targets=list(table.targets), seeds=list(seeds),
                    part='val' if folder.name == 'search' else 'test')
    return sweep.train(sweep.Sweep(cells, own), console)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill one table after the other, then that of all; a signal ends the whole."""
    args, console = parse_args(arguments), Console()
    benchmark, worst = read_benchmark(args.file), 0
    with ExitStack() as stack:
        try:
            stack.enter_context(join(args.work_dir, repr(yaml.safe_load(args.file.read_text(encoding='utf-8')))))
        except FolderInUseError as error:
            console.print(f'error: {error}', markup=False, soft_wrap=True)
            return 2
        with alone(args.work_dir):
            searches = open_searches(benchmark, args)
        for table in benchmark.tables:
            stages = {'search': partial(search_table, searches=searches)} if searches else {}
            for stage, part in {**stages, 'seeds': train_table}.items():
                console.print(f'{table.name}, {stage}:', markup=False)
                status = part(table, benchmark, args=args, console=console)
                if status >= STOPPED:
                    return status
                worst = worst or status
    files = [str(args.work_dir / table.name / 'results.json') for table in benchmark.tables]
    if len(files) > 1:
        with alone(args.work_dir):
            return report_results.main([*files, '--out', str(args.work_dir)]) or worst
    return worst


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
