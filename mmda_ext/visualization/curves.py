"""Training curves: validation accuracy per modality, and the coefficients of a balanced run."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmda_ext.selection_rules import TARGET_ORACLE
from mmda_ext.visualization.results import SweepResults
from mmda_ext.visualization.scalars import scalar_files
from mmda_ext.visualization.style import RC, WIDTH_INCHES, modality_colour, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACCURACY = re.compile(r'(?:.*/)?modality/(\w+)/acc/top1')
_COEFFICIENT = re.compile(r'(?:train/)?balance/([kp])_(\w+)')
_BALANCER = re.compile(r'(?:train/)?balance/')
Series = dict[int, float]


@dataclass
class RunCurves:
    """Per epoch: accuracy by modality ('fused' included) and coefficients by (name, modality) of one run.

    ``balanced`` says whether a balancer has logged anything, coefficients or not.
    """

    accuracy: dict[str, Series] = field(default_factory=lambda: defaultdict(dict))
    coefficients: dict[tuple[str, str], Series] = field(default_factory=lambda: defaultdict(dict))
    balanced: bool = False


def read_curves(folder: str | Path) -> RunCurves:
    """Curves of the run that left its scalars below a work directory, as :func:`scalar_files` finds them."""
    curves = RunCurves()
    sums: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(dict)
    for entries in scalar_files(folder):
        own: dict = defaultdict(lambda: defaultdict(list))
        for entry in entries:
            _take(entry, curves, own)
        for name, epochs in own.items():
            sums[name].update(epochs)
    for name, epochs in sums.items():
        curves.coefficients[name] = {epoch: float(np.mean(values)) for epoch, values in sorted(epochs.items())}
    return curves


def _take(entry: dict, curves: RunCurves, coefficients: dict) -> None:
    """Sort one line of scalars into the curves; MMEngine's validation lines have a step (epoch) and no epoch."""
    for key, value in entry.items():
        curves.balanced |= _BALANCER.match(key) is not None
        if found := _COEFFICIENT.fullmatch(key):
            if 'epoch' in entry:
                coefficients[found.groups()][int(entry['epoch'])].append(float(value))
        elif 'epoch' not in entry and 'step' in entry:
            if key == 'acc/top1':
                curves.accuracy['fused'][int(entry['step'])] = float(value)
            elif found := _ACCURACY.fullmatch(key):
                curves.accuracy[found.group(1)][int(entry['step'])] = float(value)


def plot_curves(results: SweepResults, target: str, path: str | Path) -> Path | None:
    """Draw one column per recipe: validation accuracy above, coefficients k and p below where a run has them.

    Args:
        results (SweepResults): Sweep whose work directories hold the scalars.
        target (str): Target domain of the runs to draw.
        path (str | Path): PNG file.

    Returns:
        Path | None: The file; None when no run of that target has written curves.
    """
    import matplotlib as mpl

    runs = {row: _runs(results, row, target) for row in results.rows}
    shown = {row: curves for row, curves in runs.items() if curves}
    if not shown:
        return None
    balanced = any(run.coefficients for curves in shown.values() for run in curves)
    with mpl.rc_context(RC):
        figure = new_figure(min(WIDTH_INCHES, 1.5 + 3.2 * len(shown)), 5.6 if balanced else 3.4)
        grid = figure.subplots(2 if balanced else 1, len(shown), squeeze=False, sharex='col', sharey='row')
        for column, (row, curves) in enumerate(shown.items()):
            _draw_accuracy(grid[0, column], curves, _title(results, row, target, len(curves)))
            if balanced:
                _draw_coefficients(grid[1, column], curves)
            grid[-1, column].set_xlabel('epoch')
        grid[0, 0].set_ylabel('validation\ntop-1 accuracy (%)')
        if balanced:
            grid[1, 0].set_ylabel('k (solid), p (dashed)\n1 = untouched')
        handles, labels = _legend(grid)
        figure.legend(handles, labels, loc='outside upper center', ncols=len(labels), title=f'target domain: {target}')
        return save(figure, Path(path))


def _runs(results: SweepResults, row: str, target: str) -> list[RunCurves]:
    folders = [folder for (r, t, _), folder in sorted(results.folders.items()) if (r, t) == (row, target)]
    read = [read_curves(folder) for folder in folders]
    return [curves for curves in read if curves.accuracy]


def _title(results: SweepResults, row: str, target: str, seeds: int) -> str:
    """Name and number of seeds, which of them have not ended, and whether the target was validated on."""
    ended = min(seeds, len(results.seeds(row, target)))
    notes = [f'{seeds} seed{"s" if seeds > 1 else ""}', *([f'{seeds - ended} unfinished'] if ended < seeds else []),
             *(['target oracle'] if TARGET_ORACLE in results.selections.get(row, ()) else [])]
    return f'{row} ({", ".join(notes)})'


def _mean_line(axes: 'Axes', series: list[Series], **style: Any) -> None:
    """Thin line per seed, thick line for the mean over the epochs that all seeds have."""
    for single in series if len(series) > 1 else []:
        axes.plot(list(single), list(single.values()), alpha=0.25, linewidth=0.8, color=style['color'], ls=style['ls'])
    epochs = sorted(set.intersection(*(set(single) for single in series)))
    axes.plot(epochs, [np.mean([single[epoch] for single in series]) for epoch in epochs], linewidth=2, **style)


def _draw_accuracy(axes: 'Axes', curves: list[RunCurves], title: str) -> None:
    names = sorted({name for run in curves for name in run.accuracy}, key=lambda name: (name != 'fused', name))
    for name in names:
        series = [run.accuracy[name] for run in curves if run.accuracy.get(name)]
        _mean_line(axes, series, color=modality_colour(name), ls='-', label=name)
    axes.set_title(title)
    axes.set_ylim(0, 103)
    axes.locator_params(axis='x', integer=True)


def _draw_coefficients(axes: 'Axes', curves: list[RunCurves]) -> None:
    names = sorted({name for run in curves for name in run.coefficients})
    for letter, modality in names:
        series = [run.coefficients[letter, modality] for run in curves if run.coefficients.get((letter, modality))]
        _mean_line(axes, series, color=modality_colour(modality), ls='-' if letter == 'k' else '--')
    axes.set_ylim(-0.03, 1.08)
    if not names:
        # Not "plain sum": heads, hooks and balancers of other kinds weight losses too.
        said = 'a balancer without k and p' if any(run.balanced for run in curves) else 'no balancer in the log'
        axes.text(0.5, 0.5, said, transform=axes.transAxes, ha='center', color='#888888')


def _legend(grid: np.ndarray) -> tuple[list, list[str]]:
    found: dict[str, Any] = {}
    for axes in grid.ravel():
        for handle, label in zip(*axes.get_legend_handles_labels()):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
