"""Picture of a sweep: accuracy per recipe and target, every seed a dot."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmda_ext.visualization.results import SweepResults
from mmda_ext.visualization.style import COLOURS, RC, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: With more recipes the side-by-side picture is too narrow; each then gets a line of its own.
SIDE_BY_SIDE = len(COLOURS)
_REFERENCE, _OTHER = COLOURS[1], COLOURS[0]


def plot_accuracy(results: SweepResults, path: str | Path, chance: float | None = None) -> Path:
    """Draw the means with 95 % intervals and the single seeds beside them.

    A few recipes stand side by side for each target; more than seven get a line each and a panel for each target.

    Args:
        results (SweepResults): What to draw.
        path (str | Path): PNG file.
        chance (float | None): Accuracy of guessing in percent, drawn as a line.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    with mpl.rc_context(RC):
        if len(results.rows) > SIDE_BY_SIDE:
            return _plot_lines(results, Path(path), chance)
        figure = new_figure(height=4.4)
        axes = figure.subplots()
        for position, row in enumerate(results.rows):
            _draw_row(axes, results, row, position)
        _label_axes(axes, results, chance)
        figure.legend(*axes.get_legend_handles_labels(), loc='outside upper center', ncols=min(6, len(results.rows)))
        return save(figure, Path(path))


def _draw_row(axes: 'Axes', results: SweepResults, row: str, position: int) -> None:
    colour, count = COLOURS[position % len(COLOURS)], len(results.rows)
    step = 0.8 / count
    label: str | None = row
    for group, target in enumerate((*results.targets, None)):
        values = list((results.target_mean(row) if target is None else results.of_target(row, target)).values())
        x = group + (position - (count - 1) / 2) * step
        summary = results.summary(row, target)
        if not values:
            continue
        half = summary.half_width()
        axes.errorbar(
            x, summary.mean, yerr=None if isnan(half) else half, fmt='D' if target is None else 'o', color=colour,
            markersize=7, capsize=4, linewidth=1.6, label=label,
        )  # fmt: skip
        offsets = np.linspace(-1, 1, len(values)) * 0.06 * step if len(values) > 1 else [0.0]
        axes.scatter(x + 0.22 * step + np.asarray(offsets), values, s=13, color=colour, alpha=0.55, linewidths=0)
        label = None


def _label_axes(axes: 'Axes', results: SweepResults, chance: float | None) -> None:
    groups = len(results.targets) + 1
    axes.set_xticks(range(groups), [*(f'→ {target}' for target in results.targets), 'mean over targets'])
    axes.set_xlim(-0.5, groups - 0.5)
    axes.axvline(groups - 1.5, color='#bbbbbb', linewidth=1)
    axes.grid(axis='x', visible=False)
    axes.tick_params(axis='x', length=0)
    axes.set_ylabel(_score_name(results))
    low, high = axes.get_ylim()
    # Never zoom into less than ten points: one percent would look like a cliff.
    spare = max(0.0, 10 - (high - low)) / 2
    axes.set_ylim(max(0.0, low - spare), min(100.0, high + spare) + 0.5)
    axes.set_xlabel(_note(results), color='#666666', fontsize=9)
    if chance is not None and chance >= axes.get_ylim()[0]:
        axes.axhline(chance, color='#888888', linestyle=':', linewidth=1.2)
        axes.text(groups - 0.52, chance, 'chance ', color='#666666', fontsize=9, ha='right', va='bottom')


def _score_name(results: SweepResults) -> str:
    metric = results.about.get('metric', 'acc/top1')
    return f'{"top-1 accuracy" if metric == "acc/top1" else metric}, {results.scored_on} (%)'


def _note(results: SweepResults) -> str:
    seeds = sorted({len(results.seeds(row, target)) for row in results.rows for target in results.targets} - {0})
    count = '–'.join(map(str, seeds[:1] + seeds[1:][-1:]))
    return f'{count} seed{"" if count == "1" else "s"}: small dots; bars: 95 % Student interval of the mean'


def _plot_lines(results: SweepResults, path: Path, chance: float | None) -> Path:
    """One line for each recipe, one panel for each target and for their mean, which one target does not need."""
    columns = [*results.targets, *([None] if len(results.targets) > 1 else [])]
    figure = new_figure(height=1.6 + 0.27 * len(results.rows))
    grid = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axes, target in zip(grid, columns):
        _draw_lines(axes, results, target)
        axes.set_title('mean over targets' if target is None else f'→ {target}')
    shown = [axes for axes in grid if chance is not None and chance >= axes.get_xlim()[0]]
    for axes in shown:
        axes.axvline(chance, color='#888888', linestyle=':', linewidth=1.2)
    grid[0].set_yticks(range(len(results.rows)), results.rows)
    grid[0].set_ylim(len(results.rows) - 0.5, -0.5)
    figure.supxlabel(_score_name(results), fontsize=10)
    line = f'{_note(results)}; line: mean of {results.rows[0]}'
    figure.suptitle(f'{line}; dotted: chance' if shown else line, color='#666666', fontsize=9)
    return save(figure, path)


def _draw_lines(axes: 'Axes', results: SweepResults, target: str | None) -> None:
    for position, row in enumerate(results.rows):
        values = list((results.target_mean(row) if target is None else results.of_target(row, target)).values())
        summary, colour = results.summary(row, target), _OTHER if position else _REFERENCE
        if not values:
            axes.text(0.5, position, 'not run', transform=axes.get_yaxis_transform(), color='#888888', fontsize=8,
                      ha='center', va='center')
            continue
        half = summary.half_width()
        axes.errorbar(
            summary.mean, position, xerr=None if isnan(half) else half, fmt='o', color=colour, markersize=5, capsize=2,
            linewidth=1.3,
        )  # fmt: skip
        axes.scatter(values, [position + 0.28] * len(values), s=7, color=colour, alpha=0.55, linewidths=0)
        if not position:
            axes.axvline(summary.mean, color=colour, linewidth=1, alpha=0.6)
    axes.tick_params(axis='y', length=0)
    low, high = axes.get_xlim()
    spare = max(0.0, 10 - (high - low)) / 2
    axes.set_xlim(max(0.0, low - spare), min(100.5, high + spare))
