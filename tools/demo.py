"""The main job in small: make a data set, train on two domains, test on the unseen third, compare.

    python tools/demo.py            Base and GMP, one unseen domain, one seed: a first impression in minutes
    python tools/demo.py --full     three unseen domains and three seeds: the table and the pictures of the README

Interrupted, the same command goes on where it stopped.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import sweep  # noqa: E402
from analysis import contact_sheet, report_results  # noqa: E402
from data import make_demo_data  # noqa: E402
from mmda_ext.visualization.marks import replace_between  # noqa: E402

ROWS = ('Base=configs/demo/base_slowfast_demo_to-{target}.py', 'GMP=configs/demo/gmp_slowfast_demo_to-{target}.py')
DOMAINS = ('human', 'animal', 'cartoon')
CHANCE = 20


def publish(work_dir: Path, docs: Path, readme: Path) -> None:
    """Put table and pictures where the README shows them; nothing there is written by hand."""
    docs.mkdir(parents=True, exist_ok=True)
    for name in ('results.json', 'table.md', 'table.csv', 'accuracy.png', 'curves_human.png', 'data.jpg'):
        if (work_dir / name).exists():
            shutil.copyfile(work_dir / name, docs / name)
    replace_between(readme, 'demo table', (work_dir / 'table.md').read_text(encoding='utf-8'))
    print(f'published: {docs}, {readme}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps in order; each leaves alone what is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--full', action='store_true', help='all three unseen domains, three seeds; updates the README')
    parser.add_argument('--seeds', nargs='+', type=int, help='seeds instead of 0 (0 1 2 with --full)')
    parser.add_argument('--work-dir', type=Path, help='default work_dirs/demo or work_dirs/demo-full')
    args = parser.parse_args(arguments)
    work_dir = args.work_dir or Path('work_dirs', 'demo-full' if args.full else 'demo')
    seeds = args.seeds or ([0, 1, 2] if args.full else [0])
    targets = DOMAINS if args.full else DOMAINS[:1]

    status = make_demo_data.main(['--root', 'data/demo'])
    if status:
        return status
    contact_sheet.main(['data/demo/hac', '--out', str(work_dir / 'data.jpg')])
    status = sweep.main(['--rows', *ROWS, '--targets', *targets, '--seeds', *map(str, seeds), '--work-dir',
                         str(work_dir), '--jobs', str(min(2, os.cpu_count() or 1))])
    if not (work_dir / 'results.json').exists():
        return status
    status = report_results.main([str(work_dir / 'results.json'), '--chance', str(CHANCE)]) or status
    if args.full and not status:
        publish(work_dir, Path('docs/results/demo'), Path('README.md'))
    return status


if __name__ == '__main__':
    sys.exit(main())
