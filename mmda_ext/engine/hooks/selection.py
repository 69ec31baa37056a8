"""By which rule the tested checkpoint of a run was selected, and what the data sets say about it."""

from collections.abc import Iterator
from typing import Any

from mmengine.runner import Runner

#: Rules, as they stand in ``result.json`` and in tables.
SOURCE_VALIDATION, TARGET_ORACLE, LAST, UNKNOWN = 'source_validation', 'target_oracle', 'last', 'unknown'


def validated_domains(runner: Runner) -> tuple[set[str], set[str]]:
    """Source and target domains that the validation reads; both empty where the data sets do not name them.

    A domain counts as target if training does not name it among its sources, whatever validation says of it.
    """
    sources = _names(runner.train_dataloader.dataset, 'source_domains')
    read = _names(runner.val_dataloader.dataset, 'domains')
    return (read & sources, read - sources) if sources else (set(), set())


def _names(dataset: Any, key: str) -> set[str]:
    return {name for part in _parts(dataset) for name in getattr(part, key, ())}


def _parts(dataset: Any) -> Iterator[Any]:
    """The data sets inside wrappers that join or repeat them."""
    inner = getattr(dataset, 'datasets', None) or [item for item in [getattr(dataset, 'dataset', None)] if item]
    if not inner:
        yield dataset
    for part in inner:
        yield from _parts(part)
