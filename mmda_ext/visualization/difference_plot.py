"""Differences from the reference with their intervals, a panel for each data set."""

from math import isnan
from pathlib import Path

from mmda_ext.visualization.data_sets import LEVEL, DataSets
from mmda_ext.visualization.style import COLOURS, RC, new_figure, save


def plot_differences(data: DataSets, path: str | Path) -> Path:
    """Draw the paired difference of every row from the first one, in points, with its 95 % interval.

    Filled dots are differences that stand after Holm's correction, as the stars of the table.

    Args:
        data (DataSets): What to draw.
        path (str | Path): PNG file.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    rows = data.rows[1:]
    with mpl.rc_context(RC):
        figure = new_figure(width=2.2 + 2.3 * len(data.sets), height=1.6 + 0.27 * len(rows))
        panels = figure.subplots(1, len(data.sets), sharey=True, squeeze=False)[0]
        for axes, (name, results) in zip(panels, data.sets.items()):
            axes.axvline(0, color='#555555', linewidth=1)
            for place, row in enumerate(rows):
                difference = results.difference(row) if row in results.rows else None
                if difference is None or isnan(difference.mean):
                    continue
                half = 0 if isnan(difference.low) else difference.high - difference.mean
                clear = data.corrected[name, row] < LEVEL
                axes.errorbar(difference.mean, place, xerr=half, fmt='o', color=COLOURS[0], linewidth=1.8,
                              markerfacecolor=COLOURS[0] if clear else 'white')
            axes.set_title(f'{name}: {data.rows[0]} {results.summary(data.rows[0]).mean:.1f}')
        panels[0].set_yticks(range(len(rows)), rows)
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        figure.supxlabel(f'points above {data.rows[0]}, paired by seed, 95 % interval; filled: p < {LEVEL} after Holm',
                         fontsize=10)
        return save(figure, Path(path))

