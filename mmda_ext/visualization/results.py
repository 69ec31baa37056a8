"""Reads the ``results.json`` of a sweep and answers what tables and plots ask."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmda_ext.selection_rules import ORACLE, TARGET_ORACLE
from mmda_ext.visualization.statistics import Difference, Summary, paired_difference, summarise
from mmda_ext.visualization.test_sets import Key, TestSet, one_test_set


@dataclass(frozen=True)
class SweepResults:
    """Scores of a grid of recipes (rows), targets and seeds; what has not run is absent.

    Args:
        rows (list[str]): Names of the recipes, the reference first.
        targets (list[str]): Target domains.
        scores (dict): Score of (row, target, seed), in percent.
        folders (dict): Work directory of (row, target, seed), absolute or below the results file.
        failed (list[str]): Cells that ran and failed, with the reason.
        about (dict): Versions, date and metric, for the reader of a table.
        selections (dict): Rules by which the tested checkpoints of a row were selected, as in ``result.json``.
        test_sets (dict): What each score is of: one for each target, as far as results say it.
        left_out (dict): (row, target, seed) -> what the run did without, part -> counts, as in ``result.json``.
        upper_bounds (set): Rows with a run that trained on labels of the target; they are compared with nothing.
    """

    rows: list[str]
    targets: list[str]
    scores: dict[Key, float]
    folders: dict[Key, Path] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    selections: dict[str, set[str]] = field(default_factory=dict)
    test_sets: dict[Key, TestSet] = field(default_factory=dict)
    left_out: dict[Key, dict[str, dict[str, int]]] = field(default_factory=dict)
    upper_bounds: set[str] = field(default_factory=set)

    @property
    def compared(self) -> list[str]:
        """Rows that are compared with the first."""
        return [row for row in self.rows[1:] if row not in self.upper_bounds]

    def seeds(self, row: str, target: str) -> list[int]:
        """Seeds of one cell of the table that have a score, ascending."""
        return sorted(seed for r, t, seed in self.scores if (r, t) == (row, target))

    def of_target(self, row: str, target: str) -> dict[int, float]:
        """Score per seed."""
        return {seed: self.scores[row, target, seed] for seed in self.seeds(row, target)}

    def reduced(self, row: str, target: str) -> int:
        """How many runs of one cell of the table did without part of the data."""
        return sum(key[:2] == (row, target) for key in self.left_out)

    def target_mean(self, row: str) -> dict[int, float]:
        """Mean over the targets per seed, for the seeds that have run on every target."""
        complete = set.intersection(*(set(self.seeds(row, target)) for target in self.targets))
        sums = {seed: sum(self.scores[row, target, seed] for target in self.targets) for seed in sorted(complete)}
        return {seed: total / len(self.targets) for seed, total in sums.items()}

    def summary(self, row: str, target: str | None = None) -> Summary:
        """Mean and spread over seeds of a target, or of the mean over targets."""
        return summarise(list((self.target_mean(row) if target is None else self.of_target(row, target)).values()))

    def difference(self, row: str) -> Difference:
        """Paired difference of a row's target mean from the first row's, over the seeds that both have."""
        first, other = self.target_mean(self.rows[0]), self.target_mean(row)
        shared = sorted(first.keys() & other.keys())
        return paired_difference([first[seed] for seed in shared], [other[seed] for seed in shared])

    @property
    def scored_on(self) -> str:
        """What the scores are of, for captions and axes."""
        if self.about.get('part', 'test') == 'val':
            oracle = any(TARGET_ORACLE in rules for rules in self.selections.values())
            return 'validation, samples of the target among it' if oracle else 'source validation'
        held_out = self.test_sets and all(found.held_out for found in self.test_sets.values())
        return 'held-out part of the target domain' if held_out else 'target domain'


def read_results(path: str | Path, part: str = 'test', metric: str | None = None,
                 rows: Sequence[str] | None = None, selection: str | None = None) -> SweepResults:
    """Read a file that ``tools/sweep.py`` wrote; nothing is asked of rows that are not wanted.

    Args:
        path (str | Path): The ``results.json``.
        part (str): ``'test'`` (target) or ``'val'`` (sources).
        metric (str | None): Key of the score; the sweep's main metric by default.
        rows (Sequence[str] | None): Only these recipes, in this order; all by default.
        selection (str | None): The rule whose epoch counts; by default that of each run.

    Returns:
        SweepResults: The scores.

    Raises:
        ValueError: If the file is not one of a sweep or lacks a row, a cell is damaged or lacks the metric or the rule,
            or rows of one target were scored on different samples.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        known, targets, cells = content['rows'], content['targets'], content['cells']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is not a results file of tools/sweep.py ({error!r}): run the sweep first') from error
    unknown = [row for row in rows or () if row not in known]
    if unknown:
        raise ValueError(f'--rows {" ".join(unknown)}: the sweep has {", ".join(known)}')
    about = {'part': part, 'selection': selection, 'metric': metric or content.get('main_metric', 'acc/top1'),
             **{key: content.get(key) for key in ('updated', 'versions', 'seeds', 'dataset', 'table')}}
    results = SweepResults(list(rows or known), targets, {}, about=about)
    for index, cell in enumerate(cells):
        _check(path, index, cell, known)
        if cell['row'] in results.rows:
            _take(results, cell, path)
    one_test_set({key: own for key, own in results.test_sets.items() if key[0] not in results.upper_bounds}, str(path))
    return results


def _take(results: SweepResults, cell: dict[str, Any], path: Path) -> None:
    """Put one cell where it belongs."""
    key = (cell['row'], cell['target'], cell['seed'])
    results.folders[key] = path.parent / cell.get('folder', '')
    if cell['state'] == 'failed':
        results.failed.append(f'{" / ".join(key[:2])} / seed {key[2]}: {cell["reason"]}')
    if cell['state'] == 'done':
        part, metric = results.about['part'], results.about['metric']
        cell = {**cell, 'result': _by_rule(path, cell, results.about['selection'])}
        if cell['result'].get('reason'):
            results.failed.append(f'{" / ".join(key[:2])} / seed {key[2]}: {cell["result"]["reason"]}')
            return
        results.scores[key] = _score(path, cell, part, metric)
        results.selections.setdefault(cell['row'], set()).add(_selection(cell['result']))
        results.test_sets[key] = TestSet.of(cell['result'], part, metric)
        if cell['result'].get('left_out'):
            results.left_out[key] = cell['result']['left_out']
        if cell['result'].get('seen_test_domains'):
            results.upper_bounds.add(cell['row'])


def _by_rule(path: Path, cell: dict[str, Any], rule: str | None) -> dict[str, Any]:
    """The result of a cell with the scores of the epoch that a rule selects."""
    result, further = cell['result'], cell['result'].get('rules') or {}
    if rule is None or (rule == _selection(result) and rule not in further):
        return result
    if rule not in further:
        known = ', '.join([_selection(result), *further])
        raise ValueError(f'{path}: {_name(cell)} does not say what {rule} selects, only {known}: name the rule in the '
                         "protocol's `selection` (--also-select of the trainer) and train in another --work-dir")
    return {**result, **further[rule], 'selection': TARGET_ORACLE if rule == ORACLE else rule}


def _selection(result: dict[str, Any]) -> str:
    """Results from before the rule was written say at least whether the last checkpoint was tested."""
    return result.get('selection') or ('last' if result.get('selected_by') == 'last' else 'unknown')


def _score(path: Path, cell: dict[str, Any], part: str, metric: str) -> float:
    found = (cell['result'].get(part) or {}).get(metric)
    if found is None:
        has = sorted(cell['result'].get(part) or {})
        raise ValueError(f'{path}: {_name(cell)} has no {part} {metric!r}, only {has}')
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise ValueError(f'{path}: {_name(cell)}: {part} {metric!r} is {found!r}, not a finite number: remove '
                         f'result.json in its folder and give the command of the sweep again')
    return float(found)


def _check(path: Path, index: int, cell: Any, rows: list[str]) -> None:
    """Refuse a cell of which a part is missing or of another kind than the sweep writes."""
    kinds = {'row': str, 'target': str, 'seed': int, 'state': str}
    bad = [key for key, kind in kinds.items() if not isinstance(cell, dict) or not isinstance(cell.get(key), kind)]
    if not bad and cell['row'] not in rows:
        bad = ['row']
    elif not bad and cell['state'] == 'done' and not _has_scores(cell.get('result')):
        bad = ['result']
    if bad:
        raise ValueError(f'{path}: cell {index} has no usable {", ".join(bad)}: give the command of the sweep again, '
                         'which writes this file anew from its cells')


def _has_scores(result: Any) -> bool:
    return isinstance(result, dict) and isinstance(result.get('test'), dict)


def _name(cell: dict[str, Any]) -> str:
    return f'{cell["row"]}/{cell["target"]}/seed{cell["seed"]}'
