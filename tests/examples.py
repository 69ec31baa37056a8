"""A small example of every class, for tests that are the same for all: one that is new is found here, too.

Arguments are the class's own ``example``, and what any model or recipe states: classes, domains, which losses.
"""

import copy
import inspect
from collections.abc import Iterator
from typing import Any

from torch import nn

import mmda_ext.engine.balancers  # noqa: F401  (registers them)
from mmda_ext.balancing import Balancer
from mmda_ext.models.fusions import Fusion
from mmda_ext.models.heads import MultimodalClsHead
from mmda_ext.models.objectives import Objective
from mmda_ext.registry import BALANCERS, MODELS

CLASSES, DOMAINS = 3, 2
#: Given to everything that takes them; the prefix makes a balancer weight all losses.
STATED = dict(num_classes=CLASSES, num_domains=DOMAINS, task_prefix='')


def _subclasses(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def names_of(kind: type) -> list[str]:
    """Registered models of one kind."""
    return sorted({own.__name__ for own in _subclasses(kind) if MODELS.module_dict.get(own.__name__) is own})


BALANCER_NAMES = sorted(BALANCERS.module_dict)
OBJECTIVE_NAMES = names_of(Objective)
FUSION_NAMES = names_of(Fusion)
CLASSIFIER_NAMES = ['MultimodalClsHead', *names_of(MultimodalClsHead)]


def _parameters(kind: type) -> set[str]:
    """Names that the constructor takes, those that it hands on to a base among them."""
    names: set[str] = set()
    for own in kind.__mro__:
        if '__init__' in vars(own):
            found = inspect.signature(own.__init__).parameters.values()
            names |= {one.name for one in found}
            if not any(one.kind is one.VAR_KEYWORD for one in found):
                break
    return names


def _config(name: str, kind: type[Balancer | Objective | Fusion]) -> dict[str, Any]:
    stated = {key: value for key, value in STATED.items() if key in _parameters(kind)}
    return dict(type=f'mmda_ext.{name}', **{**stated, **kind.example})


def balancer_example(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Config of a balancer, and of the objectives that it reads."""
    kind = BALANCERS.module_dict[name]
    return _config(name, kind), _read(kind)


def objective_example(name: str) -> list[dict[str, Any]]:
    """Configs of an objective, the last, and of those that it reads."""
    kind = MODELS.module_dict[name]
    return [*_read(kind), _config(name, kind)]


def fusion_example(name: str) -> dict[str, Any]:
    """Config of a fusion."""
    return _config(name, MODELS.module_dict[name])


def _read(kind: type[Balancer | Objective]) -> list[dict[str, Any]]:
    names = [one['type'].removeprefix('mmda_ext.') for one in kind.example_objectives]
    return [{**_config(name, MODELS.module_dict[name]), **one} for name, one in zip(names, kind.example_objectives)]


def build(config: dict[str, Any]) -> nn.Module:
    """The recognizer; without the classifier's own loss where an objective says that it contains it."""
    try:
        return MODELS.build(copy.deepcopy(config))
    except ValueError as error:
        if 'contains the cross-entropy of the fused classifier' not in str(error):
            raise
        return MODELS.build({**config, 'cls_head': {**config['cls_head'], 'loss_weight': 0.0}})
