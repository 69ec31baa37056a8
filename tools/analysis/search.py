"""Strengths that a benchmark searched for a row, against what each trial reached on source validation.

    mmda plot search work_dirs/laptop/watch gmp

Writes search_<row>.png and .svg into the folder, or what --out names.
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.visualization.search_plot import plot_search, read_search


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', type=Path, help='folder of a data set in the --work-dir of tools/benchmark.py')
    parser.add_argument('--out', type=Path, help='PNG file')
    parser.add_argument('row', help='row of the protocol')
    args = parser.parse_args(arguments)
    title = f'{args.row} on {args.run.resolve().name}'
    path = plot_search(read_search(args.run, args.row), args.out or args.run / f'search_{args.row}.png', title)
    print(f'written: {path} and {path.with_suffix(".svg").name}')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
