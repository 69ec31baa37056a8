"""What each selection rule makes of the same trainings: recipes x rules."""

import csv
import io
from collections.abc import Mapping
from math import isnan

from mmda_ext.visualization.results import SweepResults
from mmda_ext.visualization.tables import UPPER_BOUND_NOTE, format_summary, name_of

#: What the rules read, for the caption.
CAPTION = ('`{metric}` in percent by the rule that selected the tested epoch: mean over targets, then mean ± standard '
           'deviation over n seeds. "source validation", "last" and "leave one out" read sources alone; "oracle" reads '
           'the labels of the target and is an upper bound; the others read unlabelled samples of the target.')


def markdown_of_rules(by_rule: Mapping[str, SweepResults]) -> str:
    """Recipes x rules.

    Args:
        by_rule (Mapping[str, SweepResults]): Rule -> the sweep read by it; all of the same file.
    """
    first = next(iter(by_rule.values()))
    lines = ['| ' + ' | '.join(['recipe', *(rule.replace('_', ' ') for rule in by_rule)]) + ' |',
             '|' + '---|' * (len(by_rule) + 1)]
    for row in first.rows:
        cells = [format_summary(results.summary(row)) for results in by_rule.values()]
        lines.append('| ' + ' | '.join([name_of(first, row), *cells]) + ' |')
    notes = [UPPER_BOUND_NOTE] if first.upper_bounds else []
    notes += [f'Failed, {rule.replace("_", " ")}: {text}' for rule, results in by_rule.items()
              for text in results.failed]
    return '\n'.join([*lines, '', CAPTION.format(metric=first.about['metric']), *(f'\n{note}' for note in notes), ''])


def csv_of_rules(by_rule: Mapping[str, SweepResults]) -> str:
    """The same numbers for programs, one line per row and rule; empty where there is no number."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(['recipe', 'rule', 'mean', 'sd', 'n'])
    for rule, results in by_rule.items():
        for row in results.rows:
            found = results.summary(row)
            numbers = ['' if isnan(value) else f'{value:.4f}' for value in (found.mean, found.sd)]
            writer.writerow([row, rule, *numbers, found.n])
    return stream.getvalue()
