"""What a balanced run logged over its steps: rho, sigma, k, p and cosines of GMP, gamma and r of Boomda, pseudo-labels.

    mmda plot trajectories work_dirs/gmp_ravdess_to-actors01-06
    mmda plot trajectories work_dirs/gmp_ravdess_to-actors01-06 --show rho sigma

Writes trajectories.png and trajectories.svg into the folder of the run, or what --out names.
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.choices import choose
from mmda_ext.visualization.trajectories import NAMES, plot_trajectories, read_trajectories


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', type=Path, help='folder of a run')
    parser.add_argument('--out', type=Path, help='PNG file')
    parser.add_argument('--show', nargs='+', default=(), metavar='NAME', help=f'of {", ".join(NAMES)}')
    args = parser.parse_args(arguments)
    for name in args.show:
        choose('--show', name, NAMES)
    found = read_trajectories(args.run)
    path = plot_trajectories(found, args.out or args.run / 'trajectories.png', args.run.resolve().name, args.show)
    print(f'written: {path} and {path.with_suffix(".svg").name}')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
