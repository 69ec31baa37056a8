"""Train every method on the small real data sets and write one table for each: all of docs/methods.md on your machine.

    python tools/gallery.py                                     everything that has data, three seeds
    python tools/gallery.py --data ravdess --rows gmp pcgrad    two methods and the reference they are compared with

Generalization rows are trained leave-one-domain-out, adaptation rows from the labelled source to the unlabelled target.
Every file of configs/methods is a row. Interrupted, the same command goes on where it stopped; tables and pictures lie
in work_dirs/gallery/<data>-<family>.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import sweep  # noqa: E402
from analysis import report_results  # noqa: E402
from methods_page import PAGE, names_in_order  # noqa: E402
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from mmda_ext.apis.recipe_files import methods  # noqa: E402
from sweep_cell import read_json  # noqa: E402

FAMILIES = ('generalization', 'adaptation')
#: The row that all others are compared with; the others are in the order of docs/methods.md.
REFERENCE = {'generalization': 'base', 'adaptation': 'dt'}
#: The first changes the rate of pre-trained encoders, which features have not: the same run as Boomda. The other needs
#: trained teachers.
LEFT_OUT = ('boomda-paper-lr', 'umt')
#: What the tools return at least when a signal stopped them.
STOPPED = 128
PUBLISHED = ('table.md', 'table.csv', 'results.json', 'accuracy.png')


@dataclass(frozen=True)
class Part:
    """One table: a data set in one family."""

    data: str
    title: str
    family: str
    file: str
    chance: float
    dataset: str
    targets: tuple[str, ...]

    @property
    def name(self) -> str:
        return f'{self.data}-{self.family}'

    def methods(self) -> list[str]:
        """Methods of the family, the reference first.

        Raises:
            ValueError: If the command does not run where the methods are.
        """
        reference = REFERENCE[self.family]
        if not Path(sweep.METHODS, f'{reference}.py').is_file():
            raise ValueError(f'no {sweep.METHODS}/{reference}.py here: run the command in the root of the repository')
        order = names_in_order() if PAGE.is_file() else []
        place = {name: index for index, name in enumerate(order)}
        found = set(methods(reads_target=self.family == 'adaptation')) - {*LEFT_OUT}
        return sorted(found, key=lambda name: (name != reference, place.get(name, len(order)), name))


_ACTORS = ('actors01-06', 'actors07-12', 'actors13-18', 'actors19-24')
PARTS = (
    Part('ravdess', 'RAVDESS features', 'generalization', 'data/ravdess_av/ravdess_av.npz', 12.5, 'ravdess', _ACTORS),
    Part('avdigits', 'audio-visual digits', 'generalization', 'data/av_digits/av_digits.npz', 10.0, 'avdigits',
         ('mnist', 'optdigits', 'usps')),
    Part('ravdess', 'RAVDESS features', 'adaptation', 'data/ravdess_av/ravdess_av.npz', 12.5, 'ravdess-adaptation',
         ('actors13-24',)),
    Part('avdigits', 'audio-visual digits', 'adaptation', 'data/av_digits/av_digits.npz', 10.0, 'avdigits-adaptation',
         ('usps',)),
)  # fmt: skip


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted({part.data for part in PARTS})
    parser.add_argument('--data', nargs='+', choices=names, default=names)
    parser.add_argument('--family', nargs='+', choices=FAMILIES, default=FAMILIES)
    parser.add_argument('--rows', nargs='+', metavar='METHOD', help='only these, beside the reference')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1, help='runs at the same time; one per core')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='handed to the trainer')
    parser.add_argument('--new-options', nargs='+', default=[], metavar='KEY=VALUE', help='the same for new keys')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs', 'gallery'))
    parser.add_argument('--trainer', default='tools/train.py')
    parser.add_argument('--publish', action='store_true', help='copy complete tables to docs/results/gallery-*')
    parser.add_argument('--docs', type=Path, default=Path('docs', 'results'), help='where --publish copies to')
    return parser.parse_args(arguments)


def plan(args: argparse.Namespace) -> list[tuple[Part, list[str]]]:
    """The tables to fill, with their rows.

    Raises:
        ValueError: If a method of ``--rows`` is in none of them, or there are no methods here.
    """
    tables, known = [], set()
    for part in PARTS:
        if part.data not in args.data or part.family not in args.family:
            continue
        found = part.methods()
        known.update(found)
        rows = [name for name in found if name in {found[0], *(args.rows or found)}]
        if not Path(part.file).exists():
            print(f'{part.name} is left out: {part.file} is not there, docs/data.md says where it comes from')
        elif not args.rows or len(rows) > 1 or found[0] in args.rows:
            tables.append((part, rows))
    unknown = sorted(set(args.rows or ()) - known)
    if unknown:
        raise ValueError(f'--rows {" ".join(unknown)}: there are {", ".join(sorted(known))}')
    return tables


def run(part: Part, rows: Sequence[str], args: argparse.Namespace) -> int:
    """Train what is missing of one table and write it."""
    work_dir = args.work_dir / part.name
    command = ['--rows', *rows, '--dataset', part.dataset, '--targets', *part.targets, '--seeds',
               *map(str, args.seeds), '--work-dir', str(work_dir), '--jobs', str(args.jobs), '--preload', '--trainer',
               args.trainer]
    print(f'{part.name}: {", ".join(rows)}', flush=True)
    for flag, options in (('--cfg-options', args.cfg_options), ('--new-options', args.new_options)):
        command += [flag, *options] if options else []
    status = sweep.main(command)
    content = read_json(work_dir / 'results.json')
    if status == 2 or content is None:
        return status
    status = report_results.main([str(work_dir / 'results.json'), '--chance', str(part.chance)]) or status
    if args.publish and not status:
        publish(part, content, work_dir, args.docs)
    return status


def publish(part: Part, content: dict[str, Any], work_dir: Path, docs: Path) -> None:
    """Put a complete table where the documentation shows it."""
    folder = docs / f'gallery-{part.name}'
    folder.mkdir(parents=True, exist_ok=True)
    for name in PUBLISHED:
        shutil.copyfile(work_dir / name, folder / name)
    (folder / 'README.md').write_text(readme(part, content), encoding='utf-8')
    print(f'published: {folder}')


def readme(part: Part, content: dict[str, Any]) -> str:
    """What a reader must know about the numbers; the date is that of the results."""
    rows, seeds = content['rows'], ' '.join(map(str, content['seeds']))
    command = f'python tools/gallery.py --data {part.data} --family {part.family} --seeds {seeds}'
    command += '' if rows == part.methods() else f' --rows {" ".join(rows)}'
    for flag, options in (('--cfg-options', content['cfg_options']), ('--new-options', content.get('new_options'))):
        command += f' {flag} {" ".join(options)}' if options else ''
    rules = sorted({cell['result'].get('selection', 'unknown').replace('_', ' ') for cell in content['cells']})
    way = 'leave one domain out' if part.family == 'generalization' else 'labelled source to unlabelled target'
    return f"""# {part.title}: {part.family}, {way}

Real data, small networks: {len(rows)} recipes of [methods.md](../../methods.md). Seeds {seeds}, targets:
{', '.join(part.targets)}.
Not a table of any paper: features instead of videos, so the order of the rows says nothing about published benchmarks.

    {command} --publish

wrote [table.md](table.md) on {content['updated'][:10]}. The tested checkpoint was selected by: {' / '.join(rules)}.
No strength was searched for this table; a recipe that holds a value found on source validation says so in its head.

Read the intervals: among {len(rows)} rows some difference looks real by chance ([compare.md](../../compare.md)).

![accuracy of every row, single seeds and intervals](accuracy.png)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill one table after the other; a stop ends all of them."""
    args = parse_args(arguments)
    try:
        tables = plan(args)
    except ValueError as error:
        print(f'error: {error}')
        return 2
    worst = 0 if tables else 2
    for part, rows in tables:
        status = run(part, rows, args)
        worst = worst or status
        if status == 2 or status >= STOPPED:
            return status
    return worst


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
