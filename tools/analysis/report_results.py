"""Tables and plots of a sweep.

Example: python tools/analysis/report_results.py work_dirs/demo/results.json --chance 20
Writes table.md, table.csv, accuracy.png and curves_<target>.png beside the results file or into --out. The curves have
a column for each recipe and are left out for more than eight: name the interesting ones with --rows.

Several files, one for each data set, give one table of recipes x data sets, corrected for the number of recipes, mean
ranks, differences.png and ranks.png:
report_results.py work_dirs/ravdess/results.json work_dirs/watch/results.json --out benchmark --pages README.md
also puts the table between the marks <!-- benchmark table: begin --> and <!-- benchmark table: end --> of a page.
"""

import argparse
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.visualization.accuracy_plot import plot_accuracy
from mmda_ext.visualization.curves import plot_curves
from mmda_ext.visualization.data_sets import csv_of_sets, markdown_of_sets, read_data_sets
from mmda_ext.visualization.difference_plot import plot_differences
from mmda_ext.visualization.marks import replace_between
from mmda_ext.visualization.rank_plot import plot_ranks
from mmda_ext.visualization.results import read_results
from mmda_ext.visualization.rules_table import csv_of_rules, markdown_of_rules
from mmda_ext.visualization.tables import csv_table, markdown_table

CURVES_FOR_AT_MOST = 8


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, nargs='+', help='results.json of tools/sweep.py')
    parser.add_argument('--out', type=Path, help='folder; by default beside the results, where that is one file')
    parser.add_argument('--part', choices=('test', 'val'), default='test', help='target (test) or sources (val)')
    parser.add_argument('--metric', help="key of the score; the sweep's main metric by default")
    parser.add_argument('--rows', nargs='+', help='only these recipes, the first is the reference; all by default')
    parser.add_argument('--pages', type=Path, nargs='+', default=[], help='pages to put the table of several files in')
    parser.add_argument('--selection', nargs='+', metavar='RULE',
                        help='the rule that selects the epoch whose scores count, such as last or oracle; several are '
                             'put side by side in selection.md and selection.csv')
    parser.add_argument('--chance', type=float, help='accuracy of guessing in percent, drawn as a line')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    if len(args.results) > 1 and args.out is None:
        print('error: --out: name the folder in which the table of several files goes', file=sys.stderr)
        return 2
    try:
        written = report_rules(args) if len(args.selection or ()) > 1 else \
            report_one(args) if len(args.results) == 1 else report_several(args)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print('written:', *(str(file) for file in written if file), sep='\n  ')
    return 0


def report_one(args: argparse.Namespace) -> list[Path | None]:
    """Recipes x targets of one sweep."""
    results = read_results(args.results[0], args.part, args.metric, args.rows, *(args.selection or ()))
    out = args.out or args.results[0].parent
    files: list[Path | None] = [*write(out, markdown_table(results), csv_table(results))]
    if results.scores:
        files.append(plot_accuracy(results, out / 'accuracy.png', args.chance))
    if len(results.rows) <= CURVES_FOR_AT_MOST:
        files += [plot_curves(results, target, out / f'curves_{target}.png') for target in results.targets]
    return files


def report_several(args: argparse.Namespace) -> list[Path | None]:
    """Recipes x data sets."""
    data = read_data_sets(args.results, args.part, args.metric, args.rows, *(args.selection or ()))
    table = markdown_of_sets(data)
    for page in args.pages:
        replace_between(page, 'benchmark table', table)
    files: list[Path | None] = [*args.pages, *write(args.out, table, csv_of_sets(data))]
    if len(data.rows) > 1:
        files.append(plot_differences(data, args.out / 'differences.png'))
    return files + ([plot_ranks(data.ranks, args.out / 'ranks.png')] if data.ranks else [])


def report_rules(args: argparse.Namespace) -> list[Path]:
    """Recipes x selection rules of one sweep.

    Raises:
        ValueError: If several files are given.
    """
    if len(args.results) > 1:
        raise ValueError('--selection: several rules are put side by side for one file; name one rule, or one file')
    by_rule = {rule: read_results(args.results[0], args.part, args.metric, args.rows, rule) for rule in args.selection}
    return write(args.out or args.results[0].parent, markdown_of_rules(by_rule), csv_of_rules(by_rule), 'selection')


def write(out: Path, table: str, numbers: str, name: str = 'table') -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f'{name}.md', out / f'{name}.csv']
    for file, text in zip(files, (table, numbers)):
        file.write_text(text, encoding='utf-8')
    print(table)
    return files


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
