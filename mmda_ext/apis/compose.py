"""A recipe is a method and a dataset: the flags that name them, and the config that they make.

A method's config inherits, at its root, the dataset's config from the environment variable ``MMDA_DATASET``; a
dataset's config reads target, sources and modalities from others. MMEngine puts them in before it reads a file, so
whatever follows from them (number of domains, widths, heads) is plain Python in the configs. The variables live as
long as the reading.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError

from mmda_ext.apis.recipe_files import OWN_DATA, dataset_file, datasets, is_composed, load_with, method_of, stated_in

#: What datasets and methods tell each other; nothing that trains reads it, so the made config is without it.
INGREDIENTS = ('adapts', 'balanced', 'domains', 'fusion', 'groups', 'guessed', 'has_split', 'modalities', 'networks',
               'num_classes', 'reads_target', 'search', 'source_domains', 'strengths', 'target_domains')

#: What a dataset must say.
FACTS = ('domains', 'target_domains', 'source_domains', 'modalities', 'num_classes', 'networks')


@dataclass(frozen=True)
class Choice:
    """What the flags name; ``None`` leaves it to the recipe or the dataset.

    Args:
        dataset (str, optional): A dataset's name, the file of its config, a feature file ``.npz`` or a table
            ``.csv``.
        target (Sequence[str], optional): Domains, or groups of domains, that are tested.
        sources (Sequence[str], optional): Domains, or groups of domains, that train with labels.
        modalities (Sequence[str], optional): Modalities in use; their order is that of the dataset.
    """

    dataset: str | None = None
    target: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    modalities: Sequence[str] | None = None

    def given(self) -> dict[str, Any]:
        """The flags that were named."""
        return {own.name: value for own in fields(self) if (value := getattr(self, own.name)) is not None}


def add_flags(parser: ArgumentParser) -> None:
    """The flags that every tool has which reads a recipe."""
    add = parser.add_argument_group('data of a method (configs/methods) or of a named recipe').add_argument
    add('--dataset', metavar='NAME', help='a name of configs/datasets, the file of a dataset config, a feature file '
                                          '(.npz) or a table of files (.csv); docs/own_data.md')
    add('--target', nargs='+', metavar='DOMAIN', help='unseen domain; by default what the dataset says')
    add('--sources', nargs='+', metavar='DOMAIN', help='labelled domains; by default what the dataset says')
    add('--modalities', nargs='+', metavar='NAME', help='modalities in use; by default what the dataset says')


def choice_of(args: Namespace) -> Choice:
    """What the flags of :func:`add_flags` name."""
    return Choice(*(getattr(args, own.name) for own in fields(Choice)))


def load_recipe(path: str | Path, **flags: Any) -> Config:
    """As :func:`compose`, with the fields of :class:`Choice` as keywords."""
    return compose(path, Choice(**flags))


def compose(path: str | Path, choice: Choice | None = None) -> Config:
    """The config of a method on a dataset, of a named recipe, or of any other file without flags.

    Args:
        path (str or Path): A file of ``configs/methods``, a recipe that inherits one, or any config.
        choice (Choice, optional): What the flags name.

    Returns:
        Config: Without the ingredients of its making; ``recipe`` names method, dataset, domains and modalities, and
        ``recipe.run`` is the name of its folder.

    Raises:
        ValueError: If a dataset, target, source or modality is unknown, the dataset is not named, the method needs a
            target that the dataset does not have, or flags are given for a config that states its own data.
        FileNotFoundError: If the file of data or the dataset's config is not there.
    """
    file, flagged = path, choice or Choice()
    path = Path(file)
    if not is_composed(path):
        if flagged.given():
            raise ValueError(f'{path} states its own data, so {_spelled(flagged)} cannot change it: name a method of '
                             'configs/methods, or edit the config')
        return Config.fromfile(file)
    cfg = with_ingredients(path, flagged)
    for key in [key for key in cfg if key in INGREDIENTS or key.startswith('_')]:
        cfg.pop(key)
    return cfg


def with_ingredients(path: Path, flagged: Choice) -> Config:
    """The config of a method on a dataset, with what the two tell each other (:data:`INGREDIENTS`) still in it.

    Args:
        path (Path): A method, or a recipe that inherits one.
        flagged (Choice): What the flags name.

    Raises:
        ValueError: As :func:`compose`.
    """
    stated = stated_in(path)
    # Of another dataset the recipe says nothing.
    choice = flagged if flagged.dataset else replace(flagged, **{**stated, **flagged.given()})
    if choice.dataset is None:
        raise ValueError(f'{path} is a method: name its data with --dataset, one of {", ".join(datasets())}, or '
                         f'{OWN_DATA}')
    cfg, facts = _compose(path, choice)
    recipe = dict(method=method_of(path), dataset=choice.dataset, target=list(cfg.target_domains),
                  sources=list(cfg.source_domains), modalities=list(cfg.modalities))
    cfg.recipe = dict(run=_run_name(path, flagged, bool(stated), facts, recipe), **recipe)
    if 'guessed' in cfg:
        cfg.recipe.guessed = cfg.guessed
    return cfg


def _compose(path: Path, choice: Choice) -> tuple[Config, Config]:
    """The config, and its dataset as it is without a choice of sources and modalities."""
    name = str(choice.dataset)
    file, variables = dataset_file(name)
    facts = _facts(file, variables)
    target = _domains(choice.target, facts, '--target', name)
    if target:
        variables['target'] = target
        facts = load_with(file, variables)
    sources = _domains(choice.sources, facts, '--sources', name)
    modalities = _modalities(choice.modalities, facts, name)
    variables |= {key: own for key, own in (('sources', sources), ('modalities', modalities)) if own}
    variables |= dict(dataset=str(file), losses='boomda' if facts.get('adapts') else 'base')
    cfg = load_with(path, variables)
    if cfg.get('reads_target') and not facts.get('adapts'):
        if 'file' not in variables:
            raise ValueError(f'{path} adapts to unlabelled samples of the target, of which --dataset {name} has none '
                             f'in training: name one of {", ".join(_that_adapt())}')
        # A file of data serves both; the config for adaptation makes the unlabelled part.
        own = dict(own=str(file), dataset=str(file.with_name('features-adaptation.py')))
        cfg = load_with(path, {**variables, **own})
    _check_apart(cfg, name)
    return cfg, facts


def _facts(file: Path, variables: Mapping[str, Any]) -> Config:
    """The dataset's config alone, with its own defaults."""
    try:
        facts = load_with(file, variables)
    except (AttributeError, LookupError, NameError, SyntaxError, TypeError, ConfigParsingError) as error:
        raise ValueError(f'dataset config {file} cannot be read: {type(error).__name__}: {error}') from error
    lacking = [name for name in FACTS if name not in facts]
    lacking += [f'networks.{name}.{part}' for name, own in facts.get('networks', {}).items()
                for part in ('backbone', 'channels') if part not in own]
    if lacking:
        raise ValueError(f'dataset config {file} lacks {", ".join(f"`{name}`" for name in lacking)} (docs/own_data.md)')
    return facts


def _domains(names: Sequence[str] | None, facts: Config, flag: str, dataset: str) -> tuple[str, ...]:
    """Domains that the names of domains and groups stand for, without doubles."""
    groups, found = facts.get('groups', {}), []
    for name in names or ():
        if name not in facts.domains and name not in groups:
            known = ', '.join([*groups, *facts.domains])
            raise ValueError(f'{flag} {name}: unknown in --dataset {dataset}, which has {known}')
        found += groups.get(name, [name])
    return tuple(dict.fromkeys(found))


def _modalities(names: Sequence[str] | None, facts: Config, dataset: str) -> tuple[str, ...]:
    """The names in the order in which the dataset lists its networks."""
    unknown = [name for name in names or () if name not in facts.networks]
    if unknown:
        raise ValueError(f'--modalities {unknown[0]}: --dataset {dataset} has networks for {", ".join(facts.networks)}')
    return tuple(name for name in facts.networks if name in (names or ()))


def _check_apart(cfg: Config, dataset: str) -> None:
    shared = [name for name in cfg.source_domains if name in cfg.target_domains]
    if shared or not cfg.source_domains:
        raise ValueError(f'--dataset {dataset}: sources are {", ".join(cfg.source_domains) or "none"}, target is '
                         f'{", ".join(cfg.target_domains)}; a domain cannot be both, and one must be left to train on: '
                         f'name others with --sources and --target, of {", ".join(cfg.domains)}')


def _spelled(choice: Choice) -> str:
    return ', '.join(f'--{name}' for name in choice.given())


def _that_adapt() -> list[str]:
    files = {name: dataset_file(name) for name in datasets()}
    return [name for name, (file, variables) in files.items() if load_with(file, variables).get('adapts')]


def _run_name(path: Path, flagged: Choice, named: bool, facts: Config, recipe: Mapping[str, Any]) -> str:
    """``<method>_<dataset>_to-<target>``, then what differs from the dataset's own sources and modalities.

    Of a recipe with data of its own, the file's name and what the flags change.
    """
    parts = [path.stem]
    if flagged.dataset or not named:
        parts.append(Path(recipe['dataset']).stem)
    if flagged.target or flagged.dataset or not named:
        parts.append(f'to-{_joined(recipe["target"], facts)}')
    if list(facts.source_domains) != recipe['sources']:
        parts.append(f'from-{_joined(recipe["sources"], facts)}')
    if list(facts.modalities) != recipe['modalities']:
        parts.append('-'.join(recipe['modalities']))
    # Names of domains in a feature file are anything.
    return '_'.join(quote(part, safe='+') for part in parts)


def _joined(domains: Sequence[str], facts: Config) -> str:
    group = [name for name, members in facts.get('groups', {}).items() if list(members) == list(domains)]
    return '+'.join(group or domains)
