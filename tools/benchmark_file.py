"""The protocol file of tools/benchmark.py.

    rows: [base, gmp, {name: gmp-half, method: gmp, options: {optim_wrapper.balancer.alpha_k: 0.25}}]
    tables:
      ravdess: {dataset: ravdess}              # every domain is the target in turn
      audio:   {dataset: avdigits, targets: [usps], modalities: [audio]}
    seeds: 10                                  # 0 to 9, or a list
    search: {trials: 8, seed: 1000}            # for every row alike; without it, the recipes as they stand
    selection: [source_validation, last]       # rules for the tested epoch, side by side; the first is always there

A row ``{name: target, method: erm, upper_bound: true}``, or short ``upper-bound``, trains on the target.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from benchmark_search import Space, read_space
from mmengine.config import Config

from mmda_ext.apis.compose import Choice, with_ingredients
from mmda_ext.apis.recipe_files import dataset_file, load_with, method_file, recipe_name
from mmda_ext.apis.upper_bound import train_on_target
from mmda_ext.choices import choose
from mmda_ext.file_names import check_inside
from mmda_ext.selection_rules import FURTHER, SOURCE_VALIDATION

#: Of the search when the file names none; far from what anyone trains with.
SEARCH_SEED = 1000
#: The row that stands for ERM trained on the target.
UPPER_BOUND = 'upper-bound'


@dataclass(frozen=True)
class Row:
    """A method with options of its own; the first row is the reference."""

    name: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    #: Trained on labels of the target. Not in the text by which a search knows its row, which older ones lack.
    upper_bound: bool = field(default=False, repr=False)

    def __str__(self) -> str:
        """The text by which a search knows its row, on whichever machine it goes on."""
        return repr(replace(self, config=recipe_name(self.config)))


@dataclass(frozen=True)
class Table:
    """A data set, of which each target is left out in turn."""

    name: str
    dataset: str
    targets: tuple[str, ...]
    sources: list[str] | None = None
    modalities: list[str] | None = None

    def config(self, row: Row) -> Config:
        """Recipe of a row on the first target, with the row's options and the ingredients.

        Raises:
            ValueError: If method and data do not fit, or an option does not exist.
        """
        choice = Choice(self.dataset, [self.targets[0]], self.sources, self.modalities)
        cfg = with_ingredients(Path(row.config), choice)
        cfg.merge_from_dict(row.options)
        if row.upper_bound:
            train_on_target(cfg)
        return cfg


@dataclass(frozen=True)
class Benchmark:
    """What the file says."""

    rows: list[Row]
    tables: list[Table]
    seeds: list[int]
    trials: int = 0
    search_seed: int = SEARCH_SEED
    #: Rules that select an epoch, beside source validation.
    rules: list[str] = field(default_factory=list)
    #: What each row (by name) searches on each table, and the values that its recipe has without.
    spaces: dict[tuple[str, str], Space] = field(default_factory=dict)


def read_benchmark(path: Path) -> Benchmark:
    """Read a protocol and check every name in it before anything is trained.

    Raises:
        FileNotFoundError: If the file, or a feature file that it names, is not there.
        ValueError: If a key, a method, a dataset or a target is unknown, a name occurs twice, or method and data do not
            fit; the message names file and key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f'{path} is no YAML: {" ".join(str(error).split())}') from None
    _keys(content, path, 'the file', needed=('rows', 'tables'), allowed=('seeds', 'search', 'selection'))
    search = content.get('search') or {}
    _keys(search, path, 'search', allowed=('trials', 'seed'))
    tables = content['tables'] if isinstance(content['tables'], Mapping) else {}
    try:
        benchmark = Benchmark([_row(entry) for entry in content['rows'] or ()],
                              [_table(name, entry) for name, entry in tables.items()], _seeds(content.get('seeds', 1)),
                              int(search.get('trials', 0)), int(search.get('seed', SEARCH_SEED)),
                              _rules(content.get('selection') or ()))
        _check(benchmark)
        benchmark.spaces.update(_spaces(benchmark))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from None
    return benchmark


def _keys(entry: Any, path: Path | str, where: str, needed: Sequence[str] = (), allowed: Sequence[str] = ()) -> None:
    if not isinstance(entry, Mapping):
        raise ValueError(f'{path}: {where} holds {entry!r}, and must hold {", ".join((*needed, *allowed))}')
    wrong = [f'{key} is unknown' for key in entry if key not in (*needed, *allowed)]
    wrong += [f'{key} is missing' for key in needed if not entry.get(key)]
    if wrong:
        raise ValueError(f'{path}: {where}: {", ".join(wrong)}; it holds {", ".join((*needed, *allowed))}')


def _row(entry: Any) -> Row:
    if entry == UPPER_BOUND:
        entry = {'name': entry, 'method': 'erm', 'upper_bound': True}
    if isinstance(entry, str):
        return Row(entry, method_file(entry))
    _keys(entry, 'rows', str(entry), needed=('name', 'method'), allowed=('options', 'upper_bound'))
    return Row(check_inside(entry['name'], 'rows'), method_file(entry['method']), dict(entry.get('options') or {}),
               bool(entry.get('upper_bound')))


def _table(name: str, entry: Any) -> Table:
    _keys(entry, 'tables', name, needed=('dataset', ), allowed=('targets', 'sources', 'modalities'))
    dataset = entry['dataset']
    targets = entry.get('targets') or _domains(dataset)
    return Table(check_inside(name, 'tables'), dataset, tuple(check_inside(target, 'targets') for target in targets),
                 entry.get('sources'), entry.get('modalities'))


@cache
def _domains(dataset: str) -> tuple[str, ...]:
    file, variables = dataset_file(dataset)
    found = tuple(load_with(file, variables).get('domains') or ())
    if not found:
        raise ValueError(f'dataset {dataset}: {file} has no `domains`, so none can be left out: state them there '
                         '(docs/own_data.md)')
    return found


def _rules(names: Sequence[str]) -> list[str]:
    return [choose('rule', name, FURTHER, 'selection') for name in names if name != SOURCE_VALIDATION]


def _seeds(value: int | list[int]) -> list[int]:
    return list(range(value)) if isinstance(value, int) else [int(seed) for seed in value]


def _check(benchmark: Benchmark) -> None:
    for what, names in (('rows', [row.name for row in benchmark.rows]),
                        ('tables', [table.name for table in benchmark.tables]), ('seeds', benchmark.seeds)):
        double = {str(name) for name in names if names.count(name) > 1}
        if double or not names:
            raise ValueError(f'{what}: {", ".join(sorted(double))} twice' if double else f'{what}: there are none')
    if benchmark.rows[0].upper_bound:
        raise ValueError(f'rows: {benchmark.rows[0].name} is an upper bound, and the first row is the reference of all '
                         'differences: put another one first')
    if benchmark.trials and benchmark.search_seed in benchmark.seeds:
        raise ValueError(f'search: its seed {benchmark.search_seed} is among the seeds: name another')


def _spaces(benchmark: Benchmark) -> dict[tuple[str, str], Space]:
    """Make every recipe once: what does not fit is told before anything trains."""
    found = {}
    for table in benchmark.tables:
        for row in benchmark.rows:
            try:
                cfg = table.config(row)
                if benchmark.trials:
                    found[row.name, table.name] = read_space(cfg)
            except (ValueError, FileNotFoundError) as error:
                raise ValueError(f'row {row.name} on table {table.name}: {error}') from None
    return found


if __name__ == '__main__':
    print(f'{__doc__}\nThis file is a part of other tools and does nothing by itself.')
