"""Train every method on the small real data sets and write one table for each: all of docs/methods.md on your machine.

    python tools/gallery.py                                     everything that has data, three seeds
    python tools/gallery.py --data ravdess --rows gmp pcgrad    two methods and the reference they are compared with

Generalization rows are trained leave-one-domain-out, adaptation rows from the labelled source to the unlabelled target.
The recipes are found on disk: a method with a recipe for every target is a row. Interrupted, the same command goes on
where it stopped; tables and pictures lie in work_dirs/gallery/<data>-<family>.
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
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from sweep_cell import read_json  # noqa: E402

FAMILIES = ('generalization', 'adaptation')
#: The reference first, then as docs/methods.md lists them; a method that is not named here comes last.
ORDER = {
    'generalization': (
        'base', 'erm', 'g-blend', 'g-blend-online', 'g-blend-offline', 'ogm', 'ogm-ge', 'agm', 'cggm', 'drb', 'balgrad',
        'pcgrad', 'gmp', 'rna-net', 'rna-net-gmp', 'simmmdg', 'simmmdg-gmp', 'simmmdg-gmp-aligned',
        'simmmdg-translators', 'moosa', 'moosa-gmp', 'cmrf', 'cmrf-gmp', 'base-sum', 'gmp-sum', 'base-film',
        'gmp-film', 'base-gated', 'gmp-gated',
    ),
    'adaptation': (
        'dt', 'dann', 'cdan', 'cdan-e', 'cdan-balanced', 'mada', 'daln', 'pcl', 'dada2020', 'dada2024', 'mdan', 'dan',
        'ddc', 'jan', 'deep-coral', 'jdda', 'amanda', 'a3d2', 'aligned-mtl', 'cagrad', 'imtl-g', 'nash-mtl', 'upgrad',
        'dwa', 'famo', 'gradnorm', 'uncertainty-weighting', 'ca', 'pl', 'uniform', 'boomda', 'boomda-exact',
    ),
}  # fmt: skip
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
    template: str
    targets: tuple[str, ...]

    @property
    def name(self) -> str:
        return f'{self.data}-{self.family}'

    def methods(self) -> tuple[list[str], list[str]]:
        """Methods with a recipe for every target, in order; and those that lack one for some target.

        Raises:
            ValueError: If the reference has no recipe.
        """
        tails = [Path(self.template.format(row='', target=target)) for target in self.targets]
        found = [{path.name.removesuffix(tail.name) for path in tail.parent.glob(f'*{tail.name}')} for tail in tails]
        complete, order = set.intersection(*found), ORDER[self.family]
        if order[0] not in complete:
            raise ValueError(f'no {self.template} of {order[0]}: run the command in the root of the repository')
        place = {name: order.index(name) if name in order else len(order) for name in complete}
        return sorted(complete, key=lambda name: (place[name], name)), sorted(set.union(*found) - complete)


_ACTORS = ('actors01-06', 'actors07-12', 'actors13-18', 'actors19-24')
PARTS = (
    Part('ravdess', 'RAVDESS features', 'generalization', 'data/ravdess_av/ravdess_av.npz', 12.5,
         'configs/features/{row}_mlp_ravdess_to-{target}.py', _ACTORS),
    Part('avdigits', 'audio-visual digits', 'generalization', 'data/av_digits/av_digits.npz', 10.0,
         'configs/features/{row}_mlp_avdigits_to-{target}.py', ('mnist', 'optdigits', 'usps')),
    Part('ravdess', 'RAVDESS features', 'adaptation', 'data/ravdess_av/ravdess_av.npz', 12.5,
         'configs/adaptation/{row}_mlp_ravdess_actors01-12-to-13-24.py', ('actors13-24',)),
    Part('avdigits', 'audio-visual digits', 'adaptation', 'data/av_digits/av_digits.npz', 10.0,
         'configs/adaptation/{row}_mlp_avdigits_mnist-to-usps.py', ('usps',)),
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
        ValueError: If a method of ``--rows`` has no recipe in any of them, or there are no recipes at all.
    """
    tables, known = [], set()
    for part in PARTS:
        if part.data not in args.data or part.family not in args.family:
            continue
        methods, partial = part.methods()
        known.update(methods)
        rows = [name for name in methods if name in {methods[0], *(args.rows or methods)}]
        if not Path(part.file).exists():
            print(f'{part.name} is left out: {part.file} is not there, docs/data.md says where it comes from')
        elif not args.rows or len(rows) > 1 or methods[0] in args.rows:
            tables.append((part, rows))
        if partial and not args.rows:
            print(f'{part.name} is without {", ".join(partial)}: they have no recipe for some target')
    unknown = sorted(set(args.rows or ()) - known)
    if unknown:
        raise ValueError(f'--rows {" ".join(unknown)}: there are recipes of {", ".join(sorted(known))}')
    return tables


def run(part: Part, rows: Sequence[str], args: argparse.Namespace) -> int:
    """Train what is missing of one table and write it."""
    work_dir = args.work_dir / part.name
    named = [f'{row}={part.template.replace("{row}", row)}' for row in rows]
    command = ['--rows', *named, '--targets', *part.targets, '--seeds', *map(str, args.seeds), '--work-dir',
               str(work_dir), '--jobs', str(args.jobs), '--preload', '--trainer', args.trainer]
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
    command += '' if rows == part.methods()[0] else f' --rows {" ".join(rows)}'
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
