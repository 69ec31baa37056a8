"""What a search of a benchmark tried, and the score of each trial, by which the best was chosen."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmda_ext.visualization.style import RC, WIDTH_INCHES, colour_and_mark, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Option -> target -> (value, score) of each trial.
Trials = dict[str, dict[str, list[tuple[Any, float]]]]


def read_search(folder: str | Path, row: str) -> Trials:
    """Trials of a row in the folder of a data set of ``tools/benchmark.py``, from Optuna's journal beside that folder.

    Raises:
        FileNotFoundError: If there is no journal.
        ValueError: If the row is unknown there, or no two trials of it with different values have ended.
    """
    import optuna

    place = Path(folder).resolve()
    storage = _journal(place.parent / 'optuna.journal')
    names = [name.split('/') for name in optuna.get_all_study_names(storage)]
    known = list(dict.fromkeys(name for table, name, _ in names if table == place.name))
    if row not in known:
        raise ValueError(f'{place.parent} has searched no row {row!r} on {place.name}: {", ".join(known) or "none"}')
    found: Trials = defaultdict(dict)
    for target in (target for *own, target in names if own == [place.name, row]):
        study = optuna.load_study(study_name=f'{place.name}/{row}/{target}', storage=storage)
        ended = study.get_trials(states=(optuna.trial.TrialState.COMPLETE, ))
        for key in {key for trial in ended for key in trial.params}:
            found[key][target] = [(trial.params[key], float(trial.value or 0)) for trial in ended]
    varied = {key: found[key] for key in sorted(found)
              if len({value for own in found[key].values() for value, _ in own}) > 1}
    if not varied:
        raise ValueError(f'no two trials of row {row!r} on {place.name} with different values have ended')
    return varied


def _journal(file: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if not file.is_file():
        raise FileNotFoundError(f'{file} is not there: name the folder of a data set in the --work-dir of '
                                'tools/benchmark.py with `search` in its protocol, such as work_dirs/laptop/watch')
    return JournalStorage(JournalFileBackend(str(file)))


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
            axes.set_ylabel('accuracy that selects (%)')
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
