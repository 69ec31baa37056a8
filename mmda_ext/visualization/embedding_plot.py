"""Features in the plane: t-SNE by class and by domain, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmda_ext.visualization.style import RC, colour_and_mark, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A picture of more points is grey, and t-SNE slow.
MOST = 2000


def embed(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE of features ``(N, D)``, standardised by column: ``(N, 2)``.

    Raises:
        ValueError: If there are fewer than four samples.
    """
    from sklearn.manifold import TSNE

    if len(features) < 4:
        raise ValueError(f't-SNE of {len(features)} samples says nothing: four are the least')
    spread = features.std(0)
    scaled = (features - features.mean(0)) / np.where(spread > 0, spread, 1)
    perplexity = min(30.0, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init='pca', learning_rate='auto', random_state=seed).fit_transform(scaled)


def some(count: int, seed: int = 0, most: int = MOST) -> np.ndarray:
    """Positions of at most ``most`` of ``count`` samples, in order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def plot_embedding(points: np.ndarray, labels: Sequence[str], domains: Sequence[str], path: str | Path,
                   title: str = '') -> Path:
    """Draw the same points twice: coloured and marked by class, and by domain.

    Args:
        points (np.ndarray): ``(N, 2)``.
        labels (Sequence[str]): Name of the class of each.
        domains (Sequence[str]): Name of the domain of each.
        path (str | Path): PNG file; an SVG is written beside it.
        title (str): Stands above.

    Returns:
        Path: The PNG file.
    """
    import matplotlib as mpl

    with mpl.rc_context({**RC, 'axes.grid': False}):
        figure = new_figure(height=5.2)
        figure.suptitle(title, fontsize=10)
        for axes, names, what in zip(figure.subplots(1, 2), (labels, domains), ('class', 'domain')):
            _scatter(axes, points, np.asarray(names), what)
        return save(figure, Path(path))


def _scatter(axes: 'Axes', points: np.ndarray, names: np.ndarray, what: str) -> None:
    for index, name in enumerate(sorted(set(names.tolist()))):
        own = points[names == name]
        colour, mark = colour_and_mark(index)
        axes.scatter(own[:, 0], own[:, 1], s=12, color=colour, marker=mark, linewidths=0, alpha=0.75, label=name)
    axes.set(xticks=[], yticks=[], title=f'by {what}')
    axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.02), ncols=4, fontsize=8, markerscale=1.6)
