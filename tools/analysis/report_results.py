"""Tables and plots of a sweep.

Example: python tools/analysis/report_results.py work_dirs/demo/results.json --chance 20
Writes table.md, table.csv, accuracy.png and curves_<target>.png beside the results file or into --out. The curves have
a column for each recipe and are left out for more than eight: name the interesting ones with --rows.
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.visualization.accuracy_plot import plot_accuracy
from mmda_ext.visualization.curves import plot_curves
from mmda_ext.visualization.results import read_results
from mmda_ext.visualization.tables import csv_table, markdown_table

CURVES_FOR_AT_MOST = 8


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, help='results.json of tools/sweep.py')
    parser.add_argument('--out', type=Path, help='folder; beside the results by default')
    parser.add_argument('--part', choices=('test', 'val'), default='test', help='target (test) or sources (val)')
    parser.add_argument('--metric', help="key of the score; the sweep's main metric by default")
    parser.add_argument('--rows', nargs='+', help='only these recipes, the first is the reference; all by default')
    parser.add_argument('--chance', type=float, help='accuracy of guessing in percent, drawn as a line')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    out = args.out or args.results.parent
    try:
        results = read_results(args.results, args.part, args.metric, args.rows)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    table = markdown_table(results)
    (out / 'table.md').write_text(table, encoding='utf-8')
    (out / 'table.csv').write_text(csv_table(results), encoding='utf-8')
    print(table)
    files = [out / 'table.md', out / 'table.csv']
    if results.scores:
        files.append(plot_accuracy(results, out / 'accuracy.png', args.chance))
    if len(results.rows) <= CURVES_FOR_AT_MOST:
        files += [plot_curves(results, target, out / f'curves_{target}.png') for target in results.targets]
    print('written:', *(str(file) for file in files if file), sep='\n  ')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
