"""Weigh the predictors of a trained recipe (its fused classifier and the heads of its modalities), and score the result.

    python tools/weighted.py --dataset ravdess --seeds 0 1 2 3 4 --work-dir work_dirs/ravdess --jobs 2

Trains the recipe on every target, and once more for every pair of domains, without both: what it says of the one is the
evidence of an unseen domain when the other is the target. Then fits weights by three rules (docs/weighted.md), tests
them once, and adds a row for each rule to <work-dir>/results.json. What is trained is not trained again, that of a
tools/sweep.py in the same folder included.
"""

import argparse
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rich.console import Console  # noqa: E402

import sweep  # noqa: E402
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from mmda_ext.folder_lock import FolderInUseError, lock_folder  # noqa: E402
from sweep_cell import Cell  # noqa: E402

#: What a sweep returns at least when a signal stopped it.
STOPPED = 128


def parse_args(arguments: Sequence[str] | None = None) -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dataset', required=True, help='handed to the trainer')
    parser.add_argument('--targets', nargs='+', help='by default every domain in turn')
    parser.add_argument('--row', default='heads', metavar='METHOD',
                        help='a method whose modalities have class heads (default: heads), or NAME=CONFIG')
    parser.add_argument('--modalities', nargs='+', help='handed to the trainer')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='handed to the trainer')
    parser.add_argument('--new-options', nargs='+', default=[], metavar='KEY=VALUE', help='the same for new keys')
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time')
    parser.add_argument('--trainer', default=sweep.near(sweep.TRAINER, Path(__file__).parents[1]))
    return parser.parse_args(arguments)


def domains_of(dataset: str) -> tuple[str, ...]:
    from mmda_ext.apis.recipe_files import dataset_file, load_with

    return tuple(load_with(*dataset_file(dataset)).domains)


def inner_cells(outer: Cell, args: Namespace, domains: Sequence[str]) -> dict[str, Cell]:
    """Domain left out -> the training without it and without the target; a pair has one, whichever is the target."""
    cells = {}
    for pair in combinations(domains, 2):
        if outer.target in pair:
            rest = [name for name in domains if name not in pair]
            flags = ['--dataset', args.dataset, '--target', *pair, '--sources', *rest]
            flags += ['--modalities', *args.modalities] if args.modalities else []
            name = '+'.join(pair)
            left_out = next(domain for domain in pair if domain != outer.target)
            cells[left_out] = Cell(outer.row, name, outer.seed, outer.config,
                                   args.work_dir / INNER / outer.row / name / f'seed{outer.seed}', args.cfg_options,
                                   args.new_options, flags)
    return cells


INNER = 'left-out'


def main(arguments: Sequence[str] | None = None) -> int:
    args, console = parse_args(arguments), Console()
    domains = domains_of(args.dataset)
    args.targets = args.targets or list(domains)
    with ExitStack() as stack:
        try:
            outer = sweep.grid(Namespace(**vars(args), rows=[args.row], sources=None))
            inner = {cell.name: inner_cells(cell, args, domains) for cell in outer}
            stack.enter_context(lock_folder(args.work_dir))
        except (ValueError, FolderInUseError) as error:
            console.print(f'error: {error}', markup=False, soft_wrap=True)
            return 2
        cells = {cell.folder: cell for own in outer for cell in (own, *inner[own.name].values())}
        for cell in cells.values():
            sweep.check(cell)
        own = Namespace(**{**vars(args), 'work_dir': args.work_dir / INNER}, preload=True, sources=None, part='val')
        status = sweep.train(sweep.Sweep(list(cells.values()), own), console)
    return status


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
