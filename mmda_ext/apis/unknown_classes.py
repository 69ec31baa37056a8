"""Classes that a model shall not know, and those of each domain: top-level keys of a config, for training and test.

``--cfg-options unknown_classes=[drinking]``; docs/open_set.md has the others.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from mmengine.config import Config

from mmda_ext.engine.data_checks import COUNTING_PARTS, dataset_configs_in

KEY = 'unknown_classes'
#: Lists that the data sets take under the same names.
LISTS = (KEY, 'source_classes', 'target_classes')
#: Whether an unlabelled target has samples of the unknown classes.
IN_TARGET = 'unknown_in_target'
#: All keys of a config that are read here.
KEYS = (*LISTS, IN_TARGET)


def set_unknown_classes(cfg: Config) -> None:
    """Take the classes out of all data sets and of every ``num_classes`` of the model, and name the run after it.

    The data sets of the config say it afterwards, so that the one dumped beside the checkpoints repeats the run.

    Args:
        cfg (Config): Config of a run; changed in place.

    Raises:
        ValueError: If it is no list of names, or unknown classes are wanted where no target is unlabelled.
    """
    found = {key: cfg.pop(key, None) for key in KEYS}
    lists = {key: _names(key, found[key]) for key in LISTS if found[key]}
    for dataset in (own for part in ('train', 'val', 'test') for own in _datasets(cfg, part)):
        dataset.update(lists)
    unknown = lists.get(KEY, [])
    if found[IN_TARGET]:
        _keep_in_target(cfg, unknown)
    for part in COUNTING_PARTS if unknown else ():
        _lower(cfg.model.get(part), len(unknown))
    if unknown and 'recipe' in cfg:
        cfg.recipe.run += f'_without-{quote("+".join(unknown), safe="+")}'


def _names(key: str, value: Any) -> list[Any]:
    if isinstance(value, str):
        raise ValueError(f'{key}={value!r} must be a list of classes, such as {key}=[{value}]')
    return [list(map(str, own)) if isinstance(own, (list, tuple)) else str(own) for own in value]


def _datasets(cfg: Config, part: str) -> Iterator[Any]:
    loader = cfg.get(f'{part}_dataloader')
    yield from dataset_configs_in(loader.dataset) if loader else ()


def _keep_in_target(cfg: Config, unknown: list[str]) -> None:
    unlabelled = [own for own in _datasets(cfg, 'train') if own.get('unlabeled_target')]
    if not unlabelled or not unknown:
        lacks = 'unknown_classes names none' if unlabelled else 'no data set of train_dataloader has unlabeled_target'
        raise ValueError(f'{IN_TARGET}=True trains on unlabelled samples of unknown classes in the target, but '
                         f'{lacks}: take it out, or choose data with an unlabelled target and name the classes')
    for dataset in unlabelled:
        dataset.keep_unknown = True


def _lower(node: Any, by: int) -> None:
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in list(items):
        if key == 'num_classes' and isinstance(value, int):
            node[key] = value - by
        else:
            _lower(value, by)
