"""Critical-difference diagram: mean ranks, and lines that overlap where two recipes are not told apart."""

from pathlib import Path

from mmda_ext.visualization.ranks import Ranks
from mmda_ext.visualization.style import COLOURS, RC, new_figure, save


def plot_ranks(ranks: Ranks, path: str | Path) -> Path:
    """Draw every row at its mean rank, best on top, with half of the critical difference to both sides.

    Args:
        ranks (Ranks): What to draw.
        path (str | Path): PNG file.

    Returns:
        Path: The file.

    Source: Demsar, JMLR 7, 2006, figure 1; here a line for each row, which more than ten rows need.
    """
    import matplotlib as mpl

    names = sorted(ranks.mean, key=lambda name: ranks.mean[name])
    with mpl.rc_context(RC):
        figure = new_figure(width=8.0, height=1.8 + 0.26 * len(names))
        axes = figure.subplots()
        axes.errorbar([ranks.mean[name] for name in names], range(len(names)), xerr=ranks.critical / 2, fmt='o',
                      color=COLOURS[0], ecolor='#9ab8cc', elinewidth=3)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(f'mean rank over {ranks.sets} data sets, 1 is best\nrows whose lines overlap are not told '
                        f'apart (Nemenyi, 5 %: critical difference {ranks.critical:.1f})')
        return save(figure, Path(path))
