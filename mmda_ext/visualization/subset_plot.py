"""Picture of missing modalities: accuracy by subset, and by how often a modality is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmda_ext.visualization.style import COLOURS, RC, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_subsets(result: Mapping[str, Any], path: str | Path) -> Path:
    """Draw a line of dots for each subset of the modalities, a colour for each fill, and the rates beside them.

    Args:
        result (Mapping): What the protocol of missing modalities found: ``fills``.
        path (str | Path): PNG file.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    fills = result['fills']
    subsets = list(next(iter(fills.values()))['subsets'])
    with mpl.rc_context(RC):
        figure = new_figure(height=2.6 + 0.3 * len(subsets))
        left, right = figure.subplots(1, 2, sharex=False, width_ratios=(3, 2))
        _draw_subsets(left, fills, subsets)
        for colour, (fill, own) in zip(COLOURS, fills.items()):
            # Complete samples are those at a rate of 0.
            points = [(0., own['subsets'][subsets[0]]['accuracy']),
                      *((float(rate), value) for rate, value in own['rates'].items())]
            right.plot(*zip(*sorted(points)), 'o-', color=colour, markersize=4, linewidth=1.4, label=fill)
        right.set(xlabel='probability that a sample lacks a modality', ylabel='top-1 accuracy (%)', xlim=(-.03, 1))
        figure.legend(*right.get_legend_handles_labels(), loc='outside upper center', ncols=len(fills))
        return save(figure, Path(path))


def _draw_subsets(axes: 'Axes', fills: Mapping[str, Any], subsets: list[str]) -> None:
    for index, (colour, own) in enumerate(zip(COLOURS, fills.values())):
        # Side by side, so that equal values do not hide each other.
        shift = (index - (len(fills) - 1) / 2) * 0.14
        axes.plot([own['subsets'][name]['accuracy'] for name in subsets],
                  [row + shift for row in range(len(subsets))], 'o', color=colour, markersize=6)
    axes.axvline(next(iter(fills.values()))['subsets'][subsets[0]]['accuracy'], color='#888888', linestyle=':',
                 linewidth=1.2)
    axes.set_yticks(range(len(subsets)), [name.replace('+', ' + ') for name in subsets])
    axes.set(ylim=(len(subsets) - 0.5, -0.5), xlabel='top-1 accuracy (%); dotted: nothing is missing')
    axes.tick_params(axis='y', length=0)
