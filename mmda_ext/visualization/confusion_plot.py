"""Which classes a run takes for which others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmda_ext.visualization.style import RC, new_figure, save

#: Numbers are written into the squares of at most so many classes.
LEGIBLE = 20


def confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts ``(C, C)``: true class by predicted class."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def plot_confusion(counts: np.ndarray, classes: Sequence[str], path: str | Path, title: str = '') -> Path:
    """Draw the share of each true class that is predicted as each class, in percent; counts stay in the labels.

    Args:
        counts (np.ndarray): ``(C, C)``, :func:`confusion`.
        classes (Sequence[str]): C names.
        path (str | Path): PNG file; an SVG is written beside it.
        title (str): Stands above.

    Returns:
        Path: The PNG file.
    """
    import matplotlib as mpl

    total = counts.sum(1, keepdims=True)
    shares = 100 * counts / np.maximum(total, 1)
    side = 2.4 + 0.45 * min(len(classes), LEGIBLE)
    with mpl.rc_context({**RC, 'axes.grid': False}):
        figure = new_figure(side + 0.8, side)
        axes = figure.subplots()
        image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=100)
        places = range(len(classes))
        axes.set_xticks(places, classes, rotation=45, ha='right', rotation_mode='anchor')
        axes.set_yticks(places, [f'{name} ({count})' for name, count in zip(classes, total[:, 0])])
        axes.set(xlabel='predicted', ylabel='true (samples)', title=title)
        figure.colorbar(image, ax=axes, label='% of the true class', shrink=0.8)
        if len(classes) <= LEGIBLE:
            for row, column in np.argwhere(counts > 0):
                axes.text(column, row, f'{shares[row, column]:.0f}', ha='center', va='center', fontsize=8,
                          color='white' if shares[row, column] > 60 else 'black')
        return save(figure, Path(path))
