"""The main job in small: make a data set, train on two domains, test on the unseen third, compare.

    python tools/demo.py            Base and GMP, one unseen domain, one seed: a first impression in minutes
    python tools/demo.py --full     three unseen domains and three seeds: the table and pictures of docs/demo_data.md

Both then adapt from one labelled domain to another without labels (direct transfer and Boomda), and end with real data:
exercises seen by a smart watch, from a package of the Python index.

Interrupted, the same command goes on where it stopped.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import sweep  # noqa: E402
from analysis import contact_sheet, report_results  # noqa: E402
from data import make_demo_data, prepare_features  # noqa: E402
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402
from mmda_ext.datasets.published import FEATURE_SETS  # noqa: E402
from mmda_ext.visualization.marks import replace_between  # noqa: E402
from mmda_ext.visualization.results import read_results  # noqa: E402
from mmda_ext.visualization.statistics import summarise  # noqa: E402
from mmda_ext.visualization.tables import format_summary  # noqa: E402
from mmda_ext.visualization.test_sets import one_test_set  # noqa: E402

ROWS = ('Base=configs/methods/base.py', 'GMP=configs/methods/gmp.py')
DOMAINS = ('human', 'animal', 'cartoon')
#: From one labelled domain to another without labels; the second goes on from the weights of the first.
ADAPTATION = {'direct transfer': ('dt', 'demo-source'), 'Boomda': ('boomda', 'demo-adaptation')}
TARGET = 'human'
#: Column of its table -> key of the score.
SCORES = {'accuracy': 'acc/top1', 'weighted F1': 'f1/weighted'}
CHANCE = 20
#: On real data, each part of which is left out in turn.
REAL, REAL_ROWS, REAL_SEEDS = 'watch', ('erm', 'strong', 'gmp'), ('0', '1', '2')
#: What the tools return at least when a signal stopped them.
STOPPED = 128
JOBS = str(min(2, os.cpu_count() or 1))


def generalize(work_dir: Path, seeds: list[str], targets: Sequence[str]) -> int:
    """Base and GMP on unseen domains, with table and plots."""
    status = sweep.main(['--rows', *ROWS, '--dataset', 'demo', '--targets', *targets, '--seeds', *seeds, '--work-dir',
                         str(work_dir), '--jobs', JOBS])
    if not (work_dir / 'results.json').exists():
        return status
    return report_results.main([str(work_dir / 'results.json'), '--chance', str(CHANCE)]) or status


def adapt(work_dir: Path, seeds: list[str]) -> int:
    """Direct transfer, then Boomda from its weights, with a small table."""
    status = 0
    for seed in seeds:
        options: list[str] = []
        for row, (method, dataset) in ADAPTATION.items():
            name, folder = row.replace(' ', '-'), work_dir / f'seed{seed}'
            config = f'configs/methods/{method}.py'
            status = sweep.main(['--rows', f'{name}={config}', '--dataset', dataset, '--targets', TARGET, '--seeds',
                                 seed, '--work-dir', str(folder / name), *options])
            if status:
                return status
            cell = folder / name / name / TARGET / f'seed{seed}'
            checkpoint = json.loads((cell / 'result.json').read_text(encoding='utf-8'))['checkpoint']
            options = ['--cfg-options', f'load_from={cell / checkpoint}']
    try:
        table = adaptation_table(work_dir)
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    (work_dir / 'table.md').write_text(table, encoding='utf-8')
    print(table)
    return status


def real(work_dir: Path) -> int:
    """ERM, strong and GMP on every domain of a real data set, which pip downloads the first time."""
    known = FEATURE_SETS[REAL]
    if not known.path.exists():
        prepare_features.prepare(known, None, known.path.parent)
    status = sweep.main(['--rows', *REAL_ROWS, '--dataset', REAL, '--targets', *known.counts, '--seeds', *REAL_SEEDS,
                         '--work-dir', str(work_dir), '--jobs', JOBS])
    if status >= STOPPED or not (work_dir / 'results.json').exists():
        return status
    chance = f'{100 / len(known.classes):.1f}'
    return report_results.main([str(work_dir / 'results.json'), '--chance', chance]) or status


def scores_of(work_dir: Path, key: str) -> dict[str, list[float]]:
    """Scores of each row of adaptation over the seeds in the folder, all of one test set."""
    files = {row: sorted(work_dir.glob(f'seed*/{row.replace(" ", "-")}/results.json')) for row in ADAPTATION}
    read = {row: [read_results(file, metric=key) for file in own] for row, own in files.items()}
    cells = [cell for parts in read.values() for part in parts for cell in part.test_sets.items()]
    one_test_set(dict(cells), str(work_dir))
    return {row: [score for part in parts for score in part.scores.values()] for row, parts in read.items()}


def adaptation_table(work_dir: Path) -> str:
    """Mean and spread of the scores on the target over all seeds in the folder, as Markdown."""
    head = [f'adaptation to {TARGET}', *SCORES]
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    columns = [scores_of(work_dir, key) for key in SCORES.values()]
    for row in ADAPTATION:
        lines.append('| ' + ' | '.join([row, *(format_summary(summarise(own[row])) for own in columns)]) + ' |')
    note = ('On all clips of the target, in percent: mean ± standard deviation over n seeds. Generated data and so few '
            'runs are a demonstration, and no evidence for or against a method.')
    return '\n'.join([*lines, '', note, ''])


def publish(work_dir: Path, docs: Path, page: Path) -> None:
    """Put table and pictures where the page of the demo shows them; nothing there is written by hand."""
    docs.mkdir(parents=True, exist_ok=True)
    for name in ('results.json', 'table.md', 'table.csv', 'accuracy.png', 'curves_human.png', 'data.jpg'):
        if (work_dir / name).exists():
            shutil.copyfile(work_dir / name, docs / name)
    if (work_dir / 'adaptation' / 'table.md').exists():
        shutil.copyfile(work_dir / 'adaptation' / 'table.md', docs / 'adaptation.md')
    replace_between(page, 'demo table', (work_dir / 'table.md').read_text(encoding='utf-8'))
    print(f'published: {docs}, {page}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps in order; each leaves alone what is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--full', action='store_true', help='three unseen domains and seeds; updates docs/demo_data.md')
    parser.add_argument('--seeds', nargs='+', type=int, help='seeds instead of 0 (0 1 2 with --full)')
    parser.add_argument('--work-dir', type=Path, help='default work_dirs/demo or work_dirs/demo-full')
    args = parser.parse_args(arguments)
    work_dir = args.work_dir or Path('work_dirs', 'demo-full' if args.full else 'demo')
    seeds = [str(seed) for seed in args.seeds or ([0, 1, 2] if args.full else [0])]
    targets = DOMAINS if args.full else DOMAINS[:1]

    status = make_demo_data.main(['--root', 'data/demo'])
    if status:
        return status
    contact_sheet.main(['data/demo/hac', '--out', str(work_dir / 'data.jpg')])
    status = generalize(work_dir, seeds, targets)
    if status < STOPPED:
        status = adapt(work_dir / 'adaptation', seeds) or status
    if status < STOPPED:
        status = real(work_dir / REAL) or status
    if args.full and not status:
        publish(work_dir, Path('docs/results/demo'), Path('docs/demo_data.md'))
    return status


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
