"""Which source and target domains a run validates on."""

from collections.abc import Iterator
from typing import Any

from mmengine.runner import Runner


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
