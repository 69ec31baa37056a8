"""A run that trains on the target: what a method could reach if it had labels there."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict

#: Share of the target that tests; that of the data sets that adapt, so the same samples.
HELD_OUT = 0.2


def train_on_target(cfg: Config) -> None:
    """Make the target the one source of a recipe: a part of it trains, one validates, and one tests.

    All data sets of the recipe get ``source_test_fraction``. The config says so in ``seen_test_domains``, and
    ``result.json`` with it.

    Args:
        cfg (Config): A composed recipe; changed in place.

    Raises:
        ValueError: If the config is none, or its data cannot divide a domain in three.
    """
    recipe = cfg.get('recipe')
    parts = [dataset for loader in _loaders(cfg) for dataset in _data_sets(loader.dataset)]
    other = {dataset.type for dataset in parts} - {'mmda_ext.FeatureDataset'}
    if recipe is None or 'target' not in recipe or other:
        raise ValueError(f'--upper-bound divides the target among training, validation and test, which '
                         f'mmda_ext.FeatureDataset can: {cfg.filename} has {", ".join(sorted(other)) or "no recipe"}; '
                         'take the upper bound out')
    target = list(recipe.target)
    _plain_batches(cfg.train_dataloader, target)
    for loader in _loaders(cfg):
        for dataset in _data_sets(loader.dataset):
            dataset.update(domains=target, source_domains=target, source_test_fraction=HELD_OUT)
            dataset.pop('target_test_fraction', None)
    cfg.seen_test_domains = target
    recipe.update(sources=target, run=f'{recipe.run}_upper-bound')


def _plain_batches(loader: ConfigDict, target: list[str]) -> None:
    """Of data that adapt, only the part of the target trains, with labels and in any order."""
    parts = [dataset for dataset in _data_sets(loader.dataset) if list(dataset.domains) == target]
    if not parts:
        return
    loader.dataset = parts[0]
    loader.dataset.unlabeled_target = False
    loader.dataset.pop('monitor_labels', None)
    if loader.pop('batch_sampler', None) is not None:
        loader.sampler = ConfigDict(type='DefaultSampler', shuffle=True)


def _loaders(cfg: Config) -> list[ConfigDict]:
    return [cfg[f'{part}_dataloader'] for part in ('train', 'val', 'test') if cfg.get(f'{part}_dataloader')]


def _data_sets(dataset: Any) -> Iterator[ConfigDict]:
    """The data sets inside of those that join others."""
    if 'datasets' not in dataset:
        yield dataset
    for inner in dataset.get('datasets', ()):
        yield from _data_sets(inner)
