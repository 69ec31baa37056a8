"""Critical-difference diagram: mean ranks on a line, bars over what is not told apart."""

from pathlib import Path
from typing import TYPE_CHECKING

from mmda_ext.visualization.ranks import Ranks
from mmda_ext.visualization.style import COLOURS, RC, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_ranks(ranks: Ranks, path: str | Path) -> Path:
    """Draw every row at its mean rank, best on top, and the groups that Nemenyi's test does not tell apart.

    Args:
        ranks (Ranks): What to draw.
        path (str | Path): PNG file.

    Returns:
        Path: The file.

    Source: Demsar, JMLR 7, 2006, figure 1; here with a line for each row, which more than ten rows need.
    """
    import matplotlib as mpl

    names = sorted(ranks.mean, key=lambda name: ranks.mean[name])
    with mpl.rc_context(RC):
        figure = new_figure(width=8.0, height=1.6 + 0.26 * len(names))
        axes = figure.subplots()
        axes.scatter([ranks.mean[name] for name in names], range(len(names)), color=COLOURS[0], zorder=3)
        _draw_groups(axes, ranks, names)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0.8, len(names) + 0.2)
        axes.set_xlabel(f'mean rank over {ranks.sets} data sets (1 is best); a bar spans rows that are less than the '
                        f'critical difference {ranks.critical:.1f} apart')
        return save(figure, Path(path))


def _draw_groups(axes: 'Axes', ranks: Ranks, names: list[str]) -> None:
    for group in ranks.groups():
        first, last = group[0], group[-1]
        axes.plot([ranks.mean[first], ranks.mean[last]], [names.index(first), names.index(last)], color='#bbbbbb',
                  linewidth=5, solid_capstyle='round', zorder=1)
