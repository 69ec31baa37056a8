"""Domains that a run both trains on, with their labels, and tests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def seen_test_domains(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the domains of ``test_dataloader`` of which ``train_dataloader`` reads the labels.

    A domain that is no source counts as unseen where ``unlabeled_target=True`` withholds its labels (adaptation).

    Args:
        cfg (Mapping): A config with data loaders as dicts; data sets that name no ``domains`` say nothing.
    """
    trained = {name for part in _parts(cfg.get('train_dataloader')) for name in _labelled(part)}
    tested = [name for part in _parts(cfg.get('test_dataloader')) for name in part['domains']]
    return tuple(name for name in dict.fromkeys(tested) if name in trained)


def check_seen_domains(cfg: Mapping[str, Any]) -> None:
    """Refuse to call a domain unseen that training has seen.

    Raises:
        ValueError: If a tested domain is trained on and the config does not name it in ``seen_test_domains``.
    """
    allowed = cfg.get('seen_test_domains') or ()
    undeclared = [name for name in seen_test_domains(cfg) if name not in allowed]
    if undeclared:
        raise ValueError(
            f'train_dataloader trains on the labels of {undeclared}, and test_dataloader tests there: the result would '
            'not be that of an unseen domain; take them out of train_dataloader.dataset.domains and of source_domains, '
            'withhold their labels with unlabeled_target=True (adaptation), or say that it is meant with '
            f'seen_test_domains={undeclared} at the top of the config')


def domains_seen_by(checkpoint: Mapping[str, Any], metainfo: Mapping[str, Any]) -> list[str]:
    """Domains of a test set on whose labels the weights of a checkpoint were trained."""
    trained = checkpoint.get('meta', {}).get('dataset_meta') or {}
    sources = set(trained.get('source_domains', ())) & set(trained.get('domains', ()))
    return [name for name in metainfo.get('domains', ()) if name in sources]


def _parts(loader: Any) -> Iterator[Mapping[str, Any]]:
    """Configs of the data sets of a loader, inside those that join or repeat them."""
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if isinstance(dataset, Mapping):
        if isinstance(dataset.get('domains'), Sequence):
            yield dataset
        for inner in [dataset.get('dataset'), *(dataset.get('datasets') or ())]:
            yield from _parts({'dataset': inner})


def _labelled(part: Mapping[str, Any]) -> list[str]:
    sources = part.get('source_domains', part['domains'])
    return [name for name in part['domains'] if name in sources or not part.get('unlabeled_target')]
