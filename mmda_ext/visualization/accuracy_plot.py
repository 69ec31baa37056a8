"""Picture of a sweep: accuracy per recipe and target, every seed a dot."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmda_ext.visualization.results import SweepResults
from mmda_ext.visualization.style import COLOURS, RC, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_accuracy(results: SweepResults, path: str | Path, chance: float | None = None) -> Path:
    """Draw the means with 95 % intervals and the single seeds beside them.

    Args:
        results (SweepResults): What to draw.
        path (str | Path): PNG file.
        chance (float | None): Accuracy of guessing in percent, drawn as a line.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    with mpl.rc_context(RC):
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
    where = 'target domain' if results.about.get('part', 'test') == 'test' else 'source validation'
    axes.set_ylabel(f'top-1 accuracy, {where} (%)')
    low, high = axes.get_ylim()
    # Never zoom into less than ten points: one percent would look like a cliff.
    spare = max(0.0, 10 - (high - low)) / 2
    axes.set_ylim(max(0.0, low - spare), min(100.0, high + spare) + 0.5)
    seeds = sorted({len(results.seeds(row, target)) for row in results.rows for target in results.targets} - {0})
    count = '–'.join(map(str, seeds[:1] + seeds[1:][-1:]))
    text = f'{count} seed{"" if count == "1" else "s"}: small dots; bars: 95 % Student interval of the mean'
    axes.set_xlabel(text, color='#666666', fontsize=9)
    if chance is not None and chance >= axes.get_ylim()[0]:
        axes.axhline(chance, color='#888888', linestyle=':', linewidth=1.2)
        axes.text(groups - 0.52, chance, 'chance ', color='#666666', fontsize=9, ha='right', va='bottom')
