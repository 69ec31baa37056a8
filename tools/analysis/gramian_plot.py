"""Picture of the Gramian of a balanced run over its steps (docs/methods/mgda.md).

Example: python tools/analysis/gramian_plot.py work_dirs/boomda_ravdess-adaptation_to-actors13-24
Writes gramian.png into the work directory, or the file named by --out. The lower left panel needs a run with
``balancer=dict(compare=N)``.
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.visualization.gramian_plot import plot_gramian, read_gramian


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dir', type=Path, help='work directory of a run')
    parser.add_argument('--out', type=Path, help='PNG file; gramian.png in the work directory by default')
    parser.add_argument('--title', help='name of the work directory by default')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    try:
        curves = read_gramian(args.work_dir)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    title = args.work_dir.resolve().name if args.title is None else args.title
    print('written:', plot_gramian(curves, args.out or args.work_dir / 'gramian.png', title))
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
