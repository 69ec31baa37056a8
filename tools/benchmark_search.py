"""Hyper-parameter search of tools/benchmark.py: what is searched, which values are tried, which are best.

Trials are drawn by Optuna and kept in its journal, a file that its dashboard reads. A trial is scored on source
validation, or on source domains that are left out in turn.
"""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from mmengine.config import Config
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)

#: What is searched, and the values of the recipe as it stands.
Space = tuple[dict[str, BaseDistribution], dict[str, Any]]


def read_space(cfg: Config) -> Space:
    """What a recipe searches, and the values that it has without.

    Args:
        cfg (Config): With its ``search``: dotted key -> ``dict(low, high, log=False)``, ``dict(choices)``, or
            ``dict(factor)`` for the recipe's value divided and multiplied by it.

    Raises:
        ValueError: If a key is not in the recipe, its range is malformed, or the recipe's own value is outside.
    """
    space, values = {}, {}
    for key, entry in cfg.get('search', {}).items():
        value = values[key] = _value(cfg, key)
        try:
            space[key] = _distribution(value, **entry)
        except (TypeError, ValueError) as error:
            raise ValueError(f'search: {key}={dict(entry)} is no range: {error}; write dict(low, high, log=False), '
                             'dict(factor) or dict(choices)') from None
        if not _holds(space[key], value):
            raise ValueError(f'search: {key} is {value!r} in the recipe, which {dict(entry)} does not hold: widen it, '
                             'for the first trial is the recipe itself')
    return space, values


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return distribution.low <= value <= distribution.high


def _value(cfg: Config, key: str) -> Any:
    node: Any = cfg._cfg_dict
    for part in key.split('.'):
        try:
            node = node[int(part) if isinstance(node, (list, tuple)) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f'search: the recipe has no {key} (nothing at {part!r})') from None
    return node


def _distribution(value: Any, low: float | None = None, high: float | None = None, log: bool = False,
                  factor: float | None = None, choices: Sequence[Any] | None = None) -> BaseDistribution:
    if choices is not None:
        return CategoricalDistribution(tuple(choices))
    if factor is not None:
        return FloatDistribution(value / factor, value * factor, log=True)
    if low is None or high is None:
        raise ValueError('low or high is missing')
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def open_journal(path: Path) -> JournalStorage:
    """Optuna's storage in a file; several processes may write to it.

    Raises:
        ValueError: If the file is none of Optuna's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} is no journal of Optuna, or damaged ({" ".join(str(error).split())}): restore it, or '
                         'name another --work-dir') from None


class Search:
    """The trials of one row on one target.

    The first trial is the recipe as it stands. Trial k of every row has the same values of what all rows search: a
    generator that depends on seed and k draws them, in the order of the space.

    Args:
        storage (JournalStorage): Shared by all searches of a benchmark, :func:`open_journal`.
        name (str): Of the study.
        space (Space): What is searched, and the values of the recipe.
        recipe (str): Text that must be the same when the search goes on.

    Raises:
        ValueError: If the journal holds a study of that name for another recipe or space.
    """

    def __init__(self, storage: JournalStorage, name: str, space: Space, recipe: str) -> None:
        self.study = optuna.create_study(storage=storage, study_name=name, direction='maximize', load_if_exists=True)
        self.space, self.values = space
        text = f'{recipe}; {self.space}; {self.values}'
        before = self.study.user_attrs.get('recipe')
        if before not in (None, text):
            raise ValueError(f'the search {name} was begun with another recipe or space ({before}), now it is {text}: '
                             'name another --work-dir')
        if before is None:
            self.study.set_user_attr('recipe', text)

    def trials(self, count: int, seed: int) -> list[dict[str, Any]]:
        """Values of the first ``count`` trials; those that are missing are drawn."""
        known = self.study.get_trials(deepcopy=False)
        if not known:
            self.study.enqueue_trial(self.values)
        for number in range(sum(t.state != optuna.trial.TrialState.WAITING for t in known), count):
            self.study.sampler = optuna.samplers.RandomSampler(zlib.crc32(f'{seed}/{number}'.encode()))
            self.study.ask(self.space)
        return [trial.params for trial in self.study.get_trials(deepcopy=False)[:count]]

    def tell(self, number: int, score: float) -> None:
        """Keep the score of a trial that has ended; one that failed may still end well."""
        if not self.study.get_trials(deepcopy=False)[number].state.is_finished():
            self.study.tell(number, score)

    def best(self) -> tuple[int, dict[str, Any], float] | None:
        """Number, values and score of the best trial, the first of equals; None if none has ended."""
        ended = self.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE, ))
        found = max(ended, key=lambda trial: (trial.value, -trial.number), default=None)
        return None if found is None else (found.number, found.params, float(found.value or 0))


def score(result: Mapping[str, Any], metric: str = 'acc/top1', unseen: bool = False) -> float:
    """Score of a training on source validation: mean over the source domains, as far as they are told apart.

    Args:
        result (dict): The ``result.json`` of the training.
        metric (str): Which score.
        unseen (bool): Of the domain that the training was tested on instead, a source that was left out.

    Raises:
        ValueError: If the run was not selected on source validation.
    """
    if result.get('selection') != 'source_validation' or metric not in result.get('val', {}):
        raise ValueError(f'a search needs source validation, and this run was selected by {result.get("selection")!r}')
    if unseen:
        return result['test'][metric]
    domains = (result.get('val_set') or {}).get('all', {}).get('domains', {})
    found = [result['val'][f'{name}/{metric}'] for name in domains if f'{name}/{metric}' in result['val']]
    return sum(found) / len(found) if found else result['val'][metric]


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
