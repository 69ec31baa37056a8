"""Tables of a sweep: recipes x targets, with spread, number of seeds and the difference from the first recipe."""

import csv
import io
from math import isnan

from mmda_ext.visualization.results import SweepResults
from mmda_ext.visualization.statistics import Difference, Summary
from mmda_ext.visualization.test_sets import describe

NOT_RUN = 'not run'
#: Behind the number of a cell of which a run did without part of the data.
MARK = ' †'
#: Behind the name of a row that trained on labels of the target.
UPPER_BOUND = ' ‡'
UPPER_BOUND_NOTE = (f'{UPPER_BOUND.strip()} trained on labels of the target and scored on a part of it that was held '
                    'out: an upper bound, which is compared with no row and has no rank.')


def format_summary(summary: Summary) -> str:
    """Mean, spread and number of seeds, such as ``64.2 ± 1.3 (n=3)``."""
    if summary.n == 0:
        return NOT_RUN
    spread = '' if isnan(summary.sd) else f' ± {summary.sd:.1f}'
    return f'{summary.mean:.1f}{spread} (n={summary.n})'


def format_difference(difference: Difference) -> str:
    """Mean and 95 % interval, such as ``+1.2 [-0.4, +2.8] (n=3)``."""
    if difference.n == 0:
        return NOT_RUN
    if isnan(difference.low):
        return f'{difference.mean:+.1f} (n=1, no interval)'
    return f'{difference.mean:+.1f} [{difference.low:+.1f}, {difference.high:+.1f}] (n={difference.n})'


def format_selection(results: SweepResults, row: str) -> str:
    """Rules by which the tested checkpoints of a row were selected, such as ``source validation``."""
    return ' / '.join(sorted(rule.replace('_', ' ') for rule in results.selections.get(row, ()))) or NOT_RUN


def name_of(results: SweepResults, row: str) -> str:
    """Name of a row, marked where it is an upper bound."""
    return row + UPPER_BOUND * (row in results.upper_bounds)


def lacking(results: SweepResults) -> list[str]:
    """What runs did without, such as ``GMP / human / seed 0: 12 of 360 train samples missing``."""
    return [f'{row} / {target} / seed {seed}: ' + ', '.join(
        f'{count} of {counts["samples"]} {part} samples {kind}' for part, counts in parts.items()
        for kind, count in counts.items() if kind != 'samples')
        for (row, target, seed), parts in sorted(results.left_out.items()) if row in results.rows]


def markdown_table(results: SweepResults) -> str:
    """The table with a caption that says what the numbers are and how they came about."""
    first = results.rows[0]
    head = ['recipe', *(f'→ {target}' for target in results.targets), 'mean', f'difference from {first}', 'selection']
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    for row in results.rows:
        cells = [format_summary(results.summary(row, target)) + MARK * bool(results.reduced(row, target))
                 for target in results.targets]
        difference = 'reference' if row == first else 'upper bound' if row in results.upper_bounds else \
            format_difference(results.difference(row))
        numbers = [*cells, format_summary(results.summary(row)), difference]
        lines.append('| ' + ' | '.join([name_of(results, row), *numbers, format_selection(results, row)]) + ' |')
    notes = [f'{MARK} ran on less than was listed: {text}' for text in lacking(results)]
    notes += [UPPER_BOUND_NOTE] if results.upper_bounds else []
    notes += [f'Failed: {text}' for text in results.failed]
    return '\n'.join([*lines, '', _caption(results), *(f'\n{note}' for note in notes), ''])


def _caption(results: SweepResults) -> str:
    about = results.about
    made = ', '.join(f'{name} {version}' for name, version in (about.get('versions') or {}).items())
    return ' '.join(filter(None, (
        f'`{about.get("metric", "acc/top1")}` on the {results.scored_on} in percent: mean ± standard deviation over n',
        'seeds. "mean" is over the targets, then over the seeds that ran on all of them. Difference: paired by seed,',
        'in points, with the 95 % Student interval. Selection: what chose the tested checkpoint; "target oracle" has',
        'seen labels of the target and is an upper bound.', describe(results.test_sets),
        f'Written {about.get("updated")} with {made}.')))


def csv_table(results: SweepResults) -> str:
    """The same numbers for programs, one line per recipe and target; empty where there is no number.

    ``left_out`` counts the runs that did without part of the data.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(['recipe', 'target', 'mean', 'sd', 'n', 'state', 'difference', 'low', 'high', 'pairs',
                     'selection', 'samples', 'test_set', 'left_out'])
    for row in results.rows:
        for target in (*results.targets, None):
            summary = results.summary(row, target)
            state = 'run' if summary.n else NOT_RUN
            line = [row, target or 'mean', _number(summary.mean), _number(summary.sd), summary.n, state]
            difference = _difference_cells(results, row) if target is None else [''] * 4
            reduced = sum(results.reduced(row, name) for name in ([target] if target else results.targets))
            about = [format_selection(results, row), *_test_set_cells(results, row, target), reduced]
            writer.writerow([*line, *difference, *about])
    return stream.getvalue()


def _difference_cells(results: SweepResults, row: str) -> list[object]:
    if row == results.rows[0] or row in results.upper_bounds:
        return [''] * 4
    found = results.difference(row)
    return [_number(found.mean), _number(found.low), _number(found.high), found.n]


def _test_set_cells(results: SweepResults, row: str, target: str | None) -> list[object]:
    """Number and fingerprint of the samples; empty where they are not recorded, and for the mean over targets."""
    found = [own for (r, t, _), own in results.test_sets.items() if (r, t) == (row, target)]
    return [found[0].samples or '', found[0].fingerprint or ''] if found else ['', '']


def _number(value: float) -> str:
    return '' if isnan(value) else f'{value:.4f}'
