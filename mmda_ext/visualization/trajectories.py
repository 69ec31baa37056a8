"""How what a balanced run logs moves over its steps: coefficients, cosines, weights, pseudo-labels."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from mmda_ext.visualization.scalars import scalar_files
from mmda_ext.visualization.style import RC, WIDTH_INCHES, colour_and_mark, modality_colour, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Series = dict[int, float]


@dataclass(frozen=True)
class Quantity:
    """A panel: what it is called, which scalars it draws, and what its axis says."""

    name: str
    pattern: str
    label: str
    log: bool = False


#: In the order of the panels. A group of the pattern names the line; without one there is a single line.
QUANTITIES = (
    Quantity('rho', r'balance/rho_(\w+)', r'$\rho$: class confidence against the others'),
    Quantity('sigma', r'balance/sigma_(\w+)', r'$\sigma$: domain confidence against the others'),
    Quantity('k', r'balance/k_(\w+)', r'k: factor of the class gradient'),
    Quantity('p', r'balance/p_(\w+)', r'p: factor of the domain gradient'),
    Quantity('cosine', r'balance/cosine_(\w+)', 'cosine between gradients'),
    Quantity('gamma', r'balance/gamma_(\w+)', r'$\gamma$: weight of the objective'),
    Quantity('r', r'balance/r', r'$r = \max_{i \neq j} |Q_{ij}| / \min_i Q_{ii}$', log=True),
    Quantity('objective', r'balance/objective_(closed_form|exact)', r'$\gamma^T Q\, \gamma$', log=True),
    Quantity('norm', r'balance/squared_norm_(\w+)', r'squared norms $Q_{mm}$', log=True),
    Quantity('weight', r'balance/weight_(.+)', 'weight of the loss'),
    Quantity('pseudo', r'pseudo_kept_fraction', 'share of samples with a pseudo-label'),
)
NAMES = tuple(quantity.name for quantity in QUANTITIES)


def read_trajectories(folder: str | Path) -> dict[str, dict[str, Series]]:
    """Quantity -> line -> step -> value, of what the run below a folder has logged; not what is not finite.

    Raises:
        ValueError: If it has logged none of :data:`QUANTITIES`.
    """
    found: dict[str, dict[str, Series]] = defaultdict(lambda: defaultdict(dict))
    for entry in (entry for entries in scalar_files(folder) for entry in entries if 'epoch' in entry):
        for key, value in entry.items():
            if not isinstance(value, (int, float)) or not isfinite(value):
                continue
            for quantity in QUANTITIES:
                if match := re.fullmatch(quantity.pattern, key.removeprefix('train/')):
                    line = (match.groups() or ('', ))[0]
                    found[quantity.name][line][int(entry['step'])] = float(value)
    if not found:
        raise ValueError(f'{folder}: the run below it has logged nothing that moves ({", ".join(NAMES)}): draw one '
                         'with a balancer, such as gmp or boomda, and LocalVisBackend among its vis_backends')
    return {name: dict(found[name]) for name in NAMES if name in found}


def plot_trajectories(found: dict[str, dict[str, Series]], path: str | Path, title: str = '',
                      show: Sequence[str] = ()) -> Path:
    """Draw a panel for each quantity, a line for each modality or loss in it.

    Args:
        found (dict): Of :func:`read_trajectories`.
        path (str | Path): PNG file; an SVG is written beside it.
        title (str): Stands above.
        show (Sequence[str]): Quantities to draw, by default all but the weights of losses, which repeat others.

    Raises:
        ValueError: If the run has not logged what is to be shown.

    Returns:
        Path: The PNG file.
    """
    import matplotlib as mpl

    absent = [name for name in show if name not in found]
    if absent:
        raise ValueError(f'the run has not logged {", ".join(absent)}: it has {", ".join(found)}')
    names = list(show) or [name for name in found if name != 'weight'] or list(found)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    lines = list(dict.fromkeys(line for name in names for line in found[name]))
    with mpl.rc_context(RC):
        figure = new_figure(WIDTH_INCHES if columns == 2 else 6.0, 0.8 + 2.3 * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for axes, name in zip(grid, names):
            _draw(axes, next(own for own in QUANTITIES if own.name == name), found[name], lines)
        for axes in grid[len(names):]:
            axes.set_visible(False)
        for axes in grid[max(0, len(names) - columns):len(names)]:
            axes.set_xlabel('step')
            axes.xaxis.set_tick_params(labelbottom=True)
        handles = {label: handle for axes in grid for handle, label in zip(*axes.get_legend_handles_labels())}
        if handles:
            figure.legend(handles.values(), handles, loc='outside upper center', ncols=min(6, len(handles)),
                          title=title or None)
        elif title:
            figure.suptitle(title)
        return save(figure, Path(path))


def _draw(axes: 'Axes', quantity: Quantity, series: dict[str, Series], lines: Sequence[str]) -> None:
    for line, values in series.items():
        # Zero has no place on a logarithmic axis.
        steps = sorted(step for step, value in values.items() if value > 0 or not quantity.log)
        axes.plot(steps, [values[step] for step in steps], color=modality_colour(line),
                  marker=colour_and_mark(lines.index(line))[1], markersize=4, linewidth=1.2,
                  markevery=max(1, len(steps) // 8), label=line or None)
    axes.set_title(quantity.label, loc='left', fontsize=9)
    if quantity.log:
        axes.set_yscale('log')
