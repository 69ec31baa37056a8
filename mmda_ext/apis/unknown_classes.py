"""Classes that a model shall not know: ``--cfg-options unknown_classes=[drinking]``, for training and test alike."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mmengine.config import Config

from mmda_ext.engine.data_checks import COUNTING_PARTS, dataset_configs_in

KEY = 'unknown_classes'


def set_unknown_classes(cfg: Config) -> None:
    """Take the classes out of all data sets and of every ``num_classes`` of the model, and name the run after it.

    The data sets of the config say it afterwards, so that the one dumped beside the checkpoints repeats the run.

    Args:
        cfg (Config): Config of a run; changed in place.

    Raises:
        ValueError: If it is no list of names.
    """
    names = cfg.pop(KEY, None)
    if not names:
        return
    if isinstance(names, str):
        raise ValueError(f'{KEY}={names!r} must be a list of classes, such as {KEY}=[{names}]')
    names = list(map(str, names))
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        for dataset in dataset_configs_in(loader.dataset) if loader else ():
            dataset[KEY] = names
    for part in COUNTING_PARTS:
        _lower(cfg.model.get(part), len(names))
    if 'recipe' in cfg:
        cfg.recipe.run += f'_without-{quote("+".join(names), safe="+")}'


def _lower(node: Any, by: int) -> None:
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in list(items):
        if key == 'num_classes' and isinstance(value, int):
            node[key] = value - by
        else:
            _lower(value, by)
