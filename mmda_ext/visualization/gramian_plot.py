"""What a balanced run logged of its Gramian: overlap, weights, lengths, closed form beside exact solution."""

from collections import defaultdict
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from mmda_ext.visualization.scalars import scalar_files
from mmda_ext.visualization.style import COLOURS, RC, modality_colour, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Series = dict[int, float]
PREFIXES = ('train/', 'balance/')
#: Scalars for each objective, and what the key of one starts with.
FAMILIES = {'gamma': 'gamma_', 'norms': 'squared_norm_'}
OBJECTIVES = {'objective_closed_form': 'closed form', 'objective_exact': 'exact'}


@dataclass
class GramianCurves:
    """Per step: r, gamma and squared gradient norm by objective, and the value of both solutions."""

    r: Series = field(default_factory=dict)
    gamma: dict[str, Series] = field(default_factory=lambda: defaultdict(dict))
    norms: dict[str, Series] = field(default_factory=lambda: defaultdict(dict))
    values: dict[str, Series] = field(default_factory=lambda: defaultdict(dict))


def read_gramian(folder: str | Path) -> GramianCurves:
    """Curves of a run, means over its logging window; what is not finite is left out.

    Args:
        folder (str | Path): Work directory.

    Raises:
        ValueError: If no step has logged a Gramian.
    """
    curves = GramianCurves()
    for entries in scalar_files(folder):
        for entry in entries:
            if 'epoch' in entry and 'step' in entry:  # MMEngine's validation lines have no epoch
                _take(entry, curves)
    if not curves.r:
        raise ValueError(f'{folder}: no run below it has logged balance/r: train a recipe whose balancer reads a '
                         "Gramian, such as dict(type='mmda_ext.MGDA', solver='closed_form', compare=20)")
    return curves


def _take(entry: dict, curves: GramianCurves) -> None:
    step = int(entry['step'])
    for key, value in entry.items():
        for prefix in PREFIXES:
            key = key.removeprefix(prefix)
        if not isinstance(value, (int, float)) or not isfinite(value):
            continue
        if key == 'r':
            curves.r[step] = value
        elif key in OBJECTIVES:
            curves.values[key][step] = value
        for name, start in FAMILIES.items():
            if key.startswith(start):
                getattr(curves, name)[key.removeprefix(start)][step] = value


def plot_gramian(curves: GramianCurves, path: str | Path, title: str = '') -> Path:
    """Draw four panels over the steps: r, gamma, the value of both solutions, squared gradient norms.

    Args:
        curves (GramianCurves): What to draw.
        path (str | Path): PNG file.
        title (str): Above the panels, such as the name of the recipe.

    Returns:
        Path: The file.
    """
    import matplotlib as mpl

    with mpl.rc_context(RC):
        figure = new_figure(height=6.4)
        ((top_left, top_right), (low_left, low_right)) = figure.subplots(2, 2, sharex=True)
        ratio = r'$r = \max_{i \neq j} |Q_{ij}| / \min_i Q_{ii}$'
        _draw(top_left, {'r': curves.r}, {'r': COLOURS[-1]}, ratio, log=True)
        colours = {name: modality_colour(name) for name in curves.gamma}
        _draw(top_right, curves.gamma, colours, r'weights $\gamma$', log=False)
        top_right.set_ylim(-0.03, 1.03)
        values = {OBJECTIVES[key]: curves.values[key] for key in OBJECTIVES if key in curves.values}
        _draw(low_left, values, {'closed form': COLOURS[0], 'exact': COLOURS[1]}, r'$\gamma^T Q\, \gamma$', log=True)
        _draw(low_right, curves.norms, colours, r'squared norms $Q_{mm}$', log=True)
        for axes in (low_left, low_right):
            axes.set_xlabel('training step')
        if not values:
            low_left.text(0.5, 0.5, 'not compared: MGDA(compare=N)', transform=low_left.transAxes, ha='center',
                          color='#888888')
        figure.suptitle(title)
        return save(figure, Path(path))


def _draw(axes: 'Axes', series: dict[str, Series], colours: dict[str, str], title: str, log: bool) -> None:
    for name, values in sorted(series.items(), key=lambda item: (item[0] == 'fused', item[0])):
        # Zero has no place on a logarithmic axis.
        points = sorted((step, value) for step, value in values.items() if value > 0 or not log)
        if points:
            steps, heights = zip(*points)
            # A run may have logged once only: then a line shows nothing.
            axes.plot(steps, heights, color=colours.get(name, modality_colour(name)), label=name, linewidth=1.5,
                      marker='.', markersize=3)
    if log and axes.lines:
        axes.set_yscale('log')
    axes.set_title(title)
    if len(series) > 1:
        axes.legend(fontsize=9)
