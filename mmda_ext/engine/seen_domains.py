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
    return tuple(name for name in _tested(cfg) if name in trained)


def declared_test_domains(cfg: Mapping[str, Any]) -> list[str]:
    """Tested domains that the config calls seen."""
    return [name for name in _tested(cfg) if name in (cfg.get('seen_test_domains') or ())]


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


def check_start(cfg: Mapping[str, Any], checkpoint: Mapping[str, Any], classes: Any) -> None:
    """Refuse to begin with weights that have seen the labels of a tested domain.

    Args:
        cfg (Mapping): The config of the new run, whose ``load_from`` names the checkpoint.
        checkpoint (Mapping): What that file holds.
        classes (Any): Names of the classes of the new run. Weights of other classes are of another data set, whose
            domains may be called alike.

    Raises:
        ValueError: If the config does not name such a domain in ``seen_test_domains``.
    """
    known = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    if classes is None or list(known.get('classes') or ()) != list(classes):
        return
    declared = declared_test_domains(cfg)
    seen = [name for name in domains_seen_by(checkpoint, {'domains': _tested(cfg)}) if name not in declared]
    if seen:
        raise ValueError(
            f'load_from={cfg.get("load_from")!r} was trained on the labels of {seen}, and test_dataloader tests there: '
            'the result would not be that of an unseen domain; begin with weights of other sources, or say that it is '
            f'meant with seen_test_domains={seen} at the top of the config')


def domains_seen_by(checkpoint: Mapping[str, Any], metainfo: Mapping[str, Any]) -> list[str]:
    """Domains of a test set on whose labels the weights of a checkpoint were trained."""
    trained = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    sources = set(trained.get('source_domains', ())) & set(trained.get('domains', ()))
    return [name for name in metainfo.get('domains', ()) if name in sources]


def _tested(cfg: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for part in _parts(cfg.get('test_dataloader')) for name in part['domains']))


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
