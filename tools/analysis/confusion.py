"""Confusion matrix of a run: which classes of the target it takes for which others.

    mmda plot confusion work_dirs/gmp_ravdess_to-actors01-06

Writes confusion.png and confusion.svg into the folder of the run, or what --out names.
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', type=Path, help='folder of a run')
    parser.add_argument('--out', type=Path, help='PNG file')
    args = parser.parse_args(arguments)
    from mmda_ext.apis.run_samples import run_samples
    from mmda_ext.visualization.confusion_plot import confusion, plot_confusion

    found = run_samples(args.run, ('test', ))
    counts = confusion(found.labels, found.probabilities.argmax(1), len(found.classes))
    title = f'{args.run.resolve().name}: {", ".join(found.targets)}, {100 * counts.trace() / counts.sum():.1f} %'
    path = plot_confusion(counts, found.classes, args.out or args.run / 'confusion.png', title)
    print(f'written: {path} and {path.with_suffix(".svg").name}')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
