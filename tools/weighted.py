"""Weigh the predictors of a trained recipe, its fused classifier and the heads of its modalities, and score the sum.

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
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rich.console import Console  # noqa: E402

import sweep  # noqa: E402
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from mmda_ext.folder_lock import FolderInUseError, lock_folder  # noqa: E402
from sweep_cell import Cell, now, read_json, versions, write_json  # noqa: E402

if TYPE_CHECKING:
    from mmda_ext.evaluation.weight_rules import Weighing

#: Rows of the table and their rules; those of another recipe than `heads` begin with its name.
ROWS = {'weighted': 'agreed', 'weighted-source': 'source', 'weighted-unseen': 'unseen'}
#: Folder of the trainings without two domains.
INNER = 'left-out'
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
    args = parser.parse_args(arguments)
    args.preload = args.trainer == parser.get_default('trainer')
    return args


def domains_of(args: Namespace) -> tuple[str, ...]:
    """Domains of the dataset, three or more.

    Raises:
        ValueError: If there are fewer, a target is none of them, or the dataset has an unlabelled target.
    """
    from mmda_ext.apis.recipe_files import dataset_file, load_with

    facts = load_with(*dataset_file(args.dataset))
    domains = tuple(facts.domains)
    if facts.get('adapts'):
        raise ValueError(f'--dataset {args.dataset} has an unlabelled target, and weights are fitted for an unseen '
                         'one: take the dataset without adaptation')
    if len(domains) < 3:
        raise ValueError(f'--dataset {args.dataset} has the domains {", ".join(domains)}: without a target and one '
                         'source nothing is left to train on; take equal weights, which are those of `heads`')
    unknown = [name for name in args.targets or () if name not in domains]
    if unknown:
        raise ValueError(f'--targets {" ".join(unknown)}: --dataset {args.dataset} has {", ".join(domains)}')
    return domains


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


def weighted_cells(outer: Cell, args: Namespace) -> dict[str, Cell]:
    """Rule -> the cell of its row."""
    prefix = '' if outer.row == 'heads' else f'{outer.row}-'
    return {rule: Cell(prefix + row, outer.target, outer.seed, outer.config,
                       args.work_dir / (prefix + row) / outer.target / f'seed{outer.seed}', outer.options,
                       outer.new_options, outer.data) for row, rule in ROWS.items()}


def weigh(outer: Cell, inner: dict[str, Cell], own: dict[str, Cell]) -> None:
    """Fit the weights of one target and seed, test them, and write a ``result.json`` for each rule."""
    untrained = [cell for cell in (outer, *inner.values()) if cell.result() is None]
    for cell in own.values():
        cell.reason = f'{untrained[0].name} is not trained: {untrained[0].reason or "not run"}' if untrained else ''
    if untrained or all(_of_these(cell, outer) for cell in own.values()):
        return
    from mmda_ext.apis.predictions import predicted_samples
    from mmda_ext.evaluation.weight_rules import Weighing

    seen = predicted_samples(*_files(outer))
    unseen = {name: [sample for sample in _tested(*_files(cell)) if sample['domain'] == name]
              for name, cell in inner.items()}
    found = Weighing.of(seen['val'], unseen)
    for rule, cell in own.items():
        write_json(cell.folder / 'result.json', {**score(found, rule, seen['test']), **_about(outer),
                                                 'left_out_trainings': [str(one.folder) for one in inner.values()]})
        cell.note(finished=now(), versions=versions())


def score(found: 'Weighing', rule: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Scores of the target by a rule, those of all rules and predictors among them, and the weights."""
    from mmda_ext.apis.predictions import score_samples
    from mmda_ext.evaluation.weighted_samples import weighted_samples

    return {**score_samples(weighted_samples(samples, found.rules, rule)), **found.record(rule)}


@cache
def _tested(config: Path, checkpoint: Path) -> list[dict[str, Any]]:
    """Test samples of a training without two domains, which is asked once for each of them."""
    from mmda_ext.apis.predictions import predicted_samples

    return predicted_samples(config, checkpoint, ['test'])['test']


def _files(cell: Cell) -> tuple[Path, Path]:
    result = cell.result() or {}
    return cell.folder / result['config'], cell.folder / result['checkpoint']


def _about(outer: Cell) -> dict[str, Any]:
    """What the row says of the training that it weighs."""
    result = outer.result() or {}
    known = ('epoch', 'checkpoint', 'selected_by', 'selection', 'seed', 'config', 'left_out', 'seen_test_domains')
    return {'trained_in': str(outer.folder), **{name: result[name] for name in known if name in result}}


def _of_these(cell: Cell, outer: Cell) -> bool:
    """Whether a row was written for the training as it is now."""
    written, trained = cell.result() or {}, outer.result() or {}
    return bool(written) and all(written.get(key) == trained.get(key) for key in ('epoch', 'checkpoint', 'seed'))


def save(cells: Sequence[Cell], args: Namespace) -> None:
    """Put the rows into ``results.json``, beside those that a sweep left there."""
    file = args.work_dir / 'results.json'
    before = read_json(file) or {}
    own = sweep.Sweep(list(cells), args)
    own.save()
    after = read_json(file) or {}
    if before.get('dataset') == args.dataset and before.get('targets') == after['targets']:
        others = [cell for cell in before['cells'] if cell['row'] not in after['rows']]
        after['cells'] = [*others, *after['cells']]
        after['rows'] = list(dict.fromkeys([*before['rows'], *after['rows']]))
        after['seeds'] = sorted({*before['seeds'], *after['seeds']})
        write_json(file, after)


def run(args: Namespace, outer: list[Cell], domains: Sequence[str], console: Console) -> int:
    """Train what is missing, weigh, write the rows."""
    inner = {cell.name: inner_cells(cell, args, domains) for cell in outer}
    trainings = list({cell.folder: cell for one in outer for cell in (one, *inner[one.name].values())}.values())
    for cell in trainings:
        sweep.check(cell)
    whole = Namespace(**{**vars(args), 'work_dir': args.work_dir / INNER, 'part': 'val'})
    status = sweep.train(sweep.Sweep(trainings, whole), console)
    if status >= STOPPED:
        return status
    rows = {cell.name: weighted_cells(cell, args) for cell in outer}
    by_folder = {cell.folder: cell for cell in trainings}
    for cell in outer:
        weigh(cell, {name: by_folder[one.folder] for name, one in inner[cell.name].items()}, rows[cell.name])
        say(rows[cell.name], console)
    save([*outer, *(cell for own in rows.values() for cell in own.values())], args)
    console.print(f'rows written: {args.work_dir / "results.json"}', markup=False, soft_wrap=True)
    return status


def say(own: dict[str, Cell], console: Console) -> None:
    for rule, cell in own.items():
        result = cell.result()
        text = cell.reason if result is None else f'acc/top1 {result["test"]["acc/top1"]:.1f}, weights ' + ', '.join(
            f'{name} {weight:.2f}' for name, weight in result['weights'][rule].items())
        console.print(f'{cell.name}: {text}', markup=False, soft_wrap=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    args, console = parse_args(arguments), Console()
    with ExitStack() as stack:
        try:
            domains = domains_of(args)
            args.targets, args.sources = args.targets or list(domains), None
            outer = sweep.grid(Namespace(**vars(args), rows=[args.row]))
            stack.enter_context(lock_folder(args.work_dir))
            return run(args, outer, domains, console)
        except (ValueError, FolderInUseError) as error:
            console.print(f'error: {error}', markup=False, soft_wrap=True)
            return 2


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
