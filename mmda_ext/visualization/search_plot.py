"""What a search of a benchmark tried, and what each trial reached on the sources."""

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmda_ext.visualization.style import RC, WIDTH_INCHES, colour_and_mark, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Option -> target -> (value, score) of each trial.
Trials = dict[str, dict[str, list[tuple[Any, float]]]]


def read_search(folder: str | Path, row: str) -> Trials:
    """Trials of a row in the folder of a data set of ``tools/benchmark.py``.

    Raises:
        FileNotFoundError: If the folder holds no search.
        ValueError: If the row is unknown there, or no trial of it has ended.
    """
    file = Path(folder, 'search', 'results.json')
    if not file.is_file():
        raise FileNotFoundError(f'{file} is not there: name the folder of a data set in the --work-dir of '
                                'tools/benchmark.py with `search` in its protocol, such as work_dirs/laptop/watch')
    cells = json.loads(file.read_text(encoding='utf-8'))['cells']
    known = list(dict.fromkeys(cell['row'].rpartition(' trial ')[0] for cell in cells))
    if row not in known:
        raise ValueError(f'{file} has no row {row!r}: it has {", ".join(known)}')
    found: Trials = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        if cell['row'].rpartition(' trial ')[0] == row and cell.get('result'):
            record = json.loads((file.parent / cell['folder'] / 'cell.json').read_text(encoding='utf-8'))
            for option in record['options']:
                key, _, value = option.partition('=')
                found[key][cell['target']].append((_number(value), cell['result']['val']['acc/top1']))
    varied = {key: {target: sorted(own, key=lambda trial: str(trial[0]) if isinstance(trial[0], str) else trial[0])
                    for target, own in targets.items()}
              for key, targets in found.items() if len({value for own in targets.values() for value, _ in own}) > 1}
    if not varied:
        raise ValueError(f'{file}: no two trials of row {row!r} with different values have ended')
    return varied


def plot_search(trials: Trials, path: str | Path, title: str = '') -> Path:
    """Draw a panel for each value that was searched: the value against the accuracy on source validation.

    Args:
        trials (dict): Of :func:`read_search`.
        path (str | Path): PNG file; an SVG is written beside it.
        title (str): Stands above.

    Returns:
        Path: The PNG file.
    """
    import matplotlib as mpl

    columns = min(3, len(trials))
    rows = -(-len(trials) // columns)
    targets = list(dict.fromkeys(target for own in trials.values() for target in own))
    with mpl.rc_context(RC):
        figure = new_figure(max(5.0, WIDTH_INCHES * columns / 3), 1.0 + 2.6 * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for axes, (key, own) in zip(grid, trials.items()):
            _draw(axes, key, own, targets)
        for axes in grid[len(trials):]:
            axes.set_visible(False)
        for axes in grid[::columns]:
            axes.set_ylabel('source validation\ntop-1 accuracy (%)')
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside upper center', ncols=min(5, len(labels)),
                      title=f'{title}; left out:' if title else 'left out:')
        return save(figure, Path(path))


def _draw(axes: 'Axes', key: str, own: dict[str, list[tuple[Any, float]]], targets: list[str]) -> None:
    for target, trials in own.items():
        colour, mark = colour_and_mark(targets.index(target))
        # Points: trials differ in all values at once, so that a line between them would say nothing.
        axes.plot(*zip(*trials), mark, color=colour, markersize=6, alpha=0.8, label=target)
    values = [value for trials in own.values() for value, _ in trials]
    if all(isinstance(value, float) and value > 0 for value in values) and max(values) > 10 * min(values):
        axes.set_xscale('log')
        axes.xaxis.set_minor_formatter('')
    axes.set_xlabel('.'.join(key.split('.')[-2:]), fontsize=9)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
