"""Several sweeps, one for each data set, side by side."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan, nan
from pathlib import Path
from typing import Any

from mmda_ext.visualization.ranks import Ranks, mean_ranks
from mmda_ext.visualization.results import SweepResults, read_results
from mmda_ext.visualization.statistics import holm
from mmda_ext.visualization.tables import (
    NOT_RUN,
    UPPER_BOUND,
    UPPER_BOUND_NOTE,
    format_difference,
    format_summary,
)

#: Behind a difference whose corrected p value is below the level.
CLEAR, LEVEL = ' *', 0.05


@dataclass(frozen=True)
class DataSets:
    """Scores of the same rows on several data sets.

    Args:
        sets (dict[str, SweepResults]): One sweep for each data set; all have the same first row, the reference.
    """

    sets: dict[str, SweepResults]
    rows: list[str] = field(init=False)

    def __post_init__(self) -> None:
        named = [row for results in self.sets.values() for row in results.rows]
        object.__setattr__(self, 'rows', list(dict.fromkeys(named)))

    @property
    def upper_bounds(self) -> set[str]:
        """Rows that trained on labels of a target; they have no rank and no comparison."""
        return set().union(*(results.upper_bounds for results in self.sets.values()))

    @cached_property
    def corrected(self) -> dict[tuple[str, str], float]:
        """Holm's p value of (data set, row) against the reference, corrected for the rows of that data set."""
        found: dict[tuple[str, str], float] = {}
        for name, results in self.sets.items():
            others = results.compared
            p_values = holm([results.difference(row).p for row in others])
            found |= {(name, row): p for row, p in zip(others, p_values)}
        return found

    @cached_property
    def ranks(self) -> Ranks | None:
        """Mean ranks of the rows that ran on every target of every data set; None for fewer than two of them."""
        scores = {row: [results.summary(row).mean if row in results.rows else nan for results in self.sets.values()]
                  for row in self.rows if row not in self.upper_bounds}
        whole = {row: values for row, values in scores.items() if not any(map(isnan, values))}
        return mean_ranks(whole) if len(whole) > 1 else None


def read_data_sets(paths: Sequence[Path], part: str = 'test', metric: str | None = None,
                   rows: Sequence[str] | None = None, selection: str | None = None) -> DataSets:
    """Read one file of ``tools/sweep.py`` for each data set.

    Args:
        paths (Sequence[Path]): Files ``results.json``; a data set is called as the table of its benchmark, else as the
            ``--dataset`` of its sweep, else as the folder.
        part (str): ``'test'`` or ``'val'``.
        metric (str | None): Key of the score.
        rows (Sequence[str] | None): Only these rows, the first as reference; by default all.
        selection (str | None): The rule whose epoch counts; by default that of each run.

    Returns:
        DataSets: The scores.

    Raises:
        ValueError: As :func:`read_results` does, or if two files are of one data set or begin with other rows.
    """
    sets: dict[str, SweepResults] = {}
    for path in paths:
        results = read_results(path, part, metric, rows, selection)
        name = _name_of(results.about, path)
        if name in sets:
            raise ValueError(f'{path}: a second file of the data set {name}; name one file for each')
        sets[name] = results
    first = {name: results.rows[0] for name, results in sets.items()}
    if len(set(first.values())) > 1:
        raise ValueError(f'{", ".join(map(str, paths))}: the first row is the reference and differs ('
                         + ', '.join(f'{row} on {name}' for name, row in first.items())
                         + '): name the rows with --rows')
    return DataSets(sets)


def _name_of(about: Mapping[str, Any], path: Path) -> str:
    if about.get('table'):
        return str(about['table'])
    return Path(about['dataset']).stem if about.get('dataset') else Path(path).absolute().parent.name


def markdown_of_sets(data: DataSets) -> str:
    """Rows x data sets: the reference's mean over targets, the others' paired difference from it, and mean ranks."""
    head = ['recipe', *data.sets, *(['mean rank'] if data.ranks else [])]
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    for row in data.rows:
        cells = [_cell(data, name, row) for name in data.sets]
        rank = [_rank(data, row)] if data.ranks else []
        lines.append('| ' + ' | '.join([row + UPPER_BOUND * (row in data.upper_bounds), *cells, *rank]) + ' |')
    failed = [f'\nFailed on {name}: {text}' for name, results in data.sets.items() for text in results.failed]
    notes = [f'\n{UPPER_BOUND_NOTE}'] if data.upper_bounds else []
    return '\n'.join([*lines, '', _caption(data), *notes, *failed, ''])


def _cell(data: DataSets, name: str, row: str) -> str:
    results = data.sets[name]
    if row not in results.rows:
        return NOT_RUN
    if row == data.rows[0] or row in data.upper_bounds:
        return format_summary(results.summary(row))
    return format_difference(results.difference(row)) + CLEAR * (data.corrected[name, row] < LEVEL)


def _rank(data: DataSets, row: str) -> str:
    if row in data.upper_bounds:
        return 'none'
    return f'{data.ranks.mean[row]:.1f}' if data.ranks and row in data.ranks.mean else NOT_RUN


def _caption(data: DataSets) -> str:
    first = next(iter(data.sets.values()))
    text = (f'`{first.about["metric"]}` in percent, mean over the targets of a data set: {data.rows[0]} as mean ± '
            'standard deviation over n seeds, the others as difference from it, paired by seed, with the 95 % Student '
            'interval. '
            f'"{CLEAR.strip()}": p < {LEVEL} after the correction of Holm for the number of rows on that data set.')
    if data.ranks:
        text += (f' Mean rank over {data.ranks.sets} data sets, 1 is best; ranks that are less than '
                 f'{data.ranks.critical:.1f} apart are not told apart (Nemenyi, 5 %).')
    return text


def csv_of_sets(data: DataSets) -> str:
    """The same numbers for programs, one line per row and data set; empty where there is no number."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(['recipe', 'data_set', 'mean', 'sd', 'n', 'difference', 'low', 'high', 'pairs', 'p', 'p_holm',
                     'mean_rank'])
    for row in data.rows:
        rank = data.ranks.mean.get(row, nan) if data.ranks else nan
        for name, results in data.sets.items():
            if row in results.rows:
                summary, difference = results.summary(row), results.difference(row)
                numbers = [summary.mean, summary.sd, summary.n, difference.mean, difference.low, difference.high,
                           difference.n, difference.p, data.corrected.get((name, row), nan), rank]
                numbers[3:9] = numbers[3:9] if row not in {data.rows[0], *data.upper_bounds} else [nan] * 6
                writer.writerow([row, name, *('' if isnan(value) else f'{value:.6g}' for value in numbers)])
    return stream.getvalue()
