"""Compare recipes on several data sets under one protocol, which a small file states; stop it and start it again.

    python tools/benchmark.py configs/benchmarks/reduced.yaml --work-dir work_dirs/reduced --jobs 2

For every data set of the file, every row is searched with the same number of trials on each target, selected on source
validation, and trained with what was found for every seed. Then one table of rows x data sets is written
(<work-dir>/table.md, table.csv, ranks.png), beside one of rows x targets in the folder of each data set. What is
finished is not trained again. docs/compare.md says what the file holds.
"""

import argparse
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchmark_file import Benchmark, Row, Table, read_benchmark  # noqa: E402
from benchmark_search import Search, read_space, score  # noqa: E402
from rich.console import Console  # noqa: E402

import sweep  # noqa: E402
from analysis import report_results  # noqa: E402
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from mmda_ext.folder_lock import FolderInUseError, lock_folder  # noqa: E402
from sweep_cell import Cell, write_json  # noqa: E402

#: What a sweep returns at least when a signal stopped it.
STOPPED = 128


def parse_args(arguments: Sequence[str] | None = None) -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path, help='the protocol (.yaml)')
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time')
    parser.add_argument('--trainer', default=sweep.near(sweep.TRAINER, Path(__file__).parents[1]))
    return parser.parse_args(arguments)


def search_table(table: Table, benchmark: Benchmark, args: Namespace, console: Console) -> int:
    """Train the trials of one data set that are missing, and write what is best to ``searched.json``."""
    searches, cells = {}, []
    for row in benchmark.rows:
        space, values = read_space(table.config(row), f'{row.name} on {table.name}')
        for target in table.targets:
            name = f'{table.name}/{row.name}/{target}'
            found = Search(args.work_dir / 'optuna.journal', name, space, values, f'{row} on {table}')
            searches[row.name, target] = found
            for number, values_tried in enumerate(found.trials(benchmark.trials, benchmark.search_seed)):
                folder = args.work_dir / table.name / 'search' / row.name / target / f'trial{number}'
                cell = make_cell(row, table, target, benchmark.search_seed, folder)
                cells.append(replace(cell, row=f'{row.name} trial {number}',
                                     options=[*cell.options, *options(values_tried)]))
    status = run_cells(cells, args, console, args.work_dir / table.name / 'search', table, [benchmark.search_seed])
    best: dict[str, dict[str, object]] = {}
    for cell in cells:
        row_name, _, number = cell.row.rpartition(' trial ')
        if (result := cell.result()) is not None:
            searches[row_name, cell.target].tell(int(number), score(result))
    for (row_name, target), found in searches.items():
        if (choice := found.best()) is not None:
            trial, values, reached = choice
            best.setdefault(row_name, {})[target] = {'trial': trial, 'options': options(values), 'source_val': reached}
    write_json(args.work_dir / table.name / 'searched.json', best)
    return status


def train_table(table: Table, benchmark: Benchmark, args: Namespace, console: Console) -> int:
    """Train every row with what the search found, for every seed; write the table of this data set."""
    folder = args.work_dir / table.name
    found = json.loads((folder / 'searched.json').read_text()) if benchmark.trials else None
    cells = []
    for seed in benchmark.seeds:
        for target in table.targets:
            for row in benchmark.rows:
                cell = make_cell(row, table, target, seed, folder / row.name / target / f'seed{seed}')
                own = None if found is None else found.get(row.name, {}).get(target)
                if own:
                    cell.options = [*cell.options, *own['options']]
                elif found is not None:
                    cell.reason = 'no trial of its search ended'
                cells.append(cell)
    status = run_cells(cells, args, console, folder, table, benchmark.seeds)
    if status in (0, 1):
        report_results.main([str(folder / 'results.json')])
    return status


def make_cell(row: Row, table: Table, target: str, seed: int, folder: Path) -> Cell:
    return Cell(row.name, target, seed, row.config, folder, options(row.options), [], table.flags(target))


def options(values: dict[str, object]) -> list[str]:
    """As ``--cfg-options`` takes them."""
    return [f'{key}={value}' for key, value in values.items()]


def run_cells(cells: list[Cell], args: Namespace, console: Console, folder: Path, table: Table,
              seeds: Sequence[int]) -> int:
    """One sweep over these cells; its results lie in ``folder``."""
    for cell in cells:
        sweep.check(cell)
    own = Namespace(work_dir=folder, jobs=args.jobs, trainer=args.trainer, preload=True, cfg_options=[],
                    new_options=[], dataset=table.name, targets=list(table.targets), seeds=list(seeds),
                    sources=table.sources, modalities=table.modalities,
                    part='val' if folder.name == 'search' else 'test')
    return sweep.train(sweep.Sweep(cells, own), console)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill one table after the other, then that of all; a signal ends the whole."""
    args, console = parse_args(arguments), Console()
    benchmark, worst = read_benchmark(args.file), 0
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(args.work_dir))
        except FolderInUseError as error:
            console.print(f'error: {error}', markup=False, soft_wrap=True)
            return 2
        for table in benchmark.tables:
            for stage, part in (('search', search_table), ('seeds', train_table)):
                if stage == 'search' and not benchmark.trials:
                    continue
                console.print(f'{table.name}, {stage}:', markup=False)
                status = part(table, benchmark, args, console)
                if status >= STOPPED:
                    return status
                worst = worst or status
    files = [str(args.work_dir / table.name / 'results.json') for table in benchmark.tables]
    if len(files) > 1:
        return report_results.main([*files, '--out', str(args.work_dir)]) or worst
    return worst


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
