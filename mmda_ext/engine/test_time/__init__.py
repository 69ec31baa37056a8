"""Adaptation of a trained model while it is tested: ``tools/test.py CONFIG CHECKPOINT --test-time NAME ...``.

A method is one file of this folder. ``<name>.py`` defines a class, a :class:`.base.TestTimeMethod`, whose name is that
of the file in capitals (``read_loss.py``: ``ReadLoss``); ``--test-time`` takes the file's name with ``-`` for ``_``.
The arguments of the class are its options, which a config gives as ``test_time = dict(<name>=dict(...))`` and the
command line as ``--cfg-options test_time.<name>.<option>=...``.
"""

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

from mmda_ext.choices import choose

if TYPE_CHECKING:
    from mmda_ext.engine.test_time.base import TestTimeMethod

_NO_METHODS = ('base', 'layers', 'session')


def method_names() -> tuple[str, ...]:
    """Names that ``--test-time`` takes, in alphabetical order; nothing is imported."""
    return tuple(sorted(info.name.replace('_', '-') for info in pkgutil.iter_modules(__path__)
                        if info.name not in _NO_METHODS))


def class_path(name: str) -> str:
    """Dotted path of the class of a method."""
    return f'{__name__}.{name.replace("-", "_")}.{"".join(part.capitalize() for part in name.split("-"))}'


def build(name: str, **options: Any) -> 'TestTimeMethod':
    """The method of that name.

    Args:
        name (str): One of :func:`method_names`.
        **options: Arguments of its class.

    Raises:
        ValueError: If there is no such method or option, or a value is out of range.
    """
    module, _, cls = class_path(choose('--test-time', name, method_names())).rpartition('.')
    kind = getattr(importlib.import_module(module), cls)
    for option in options:
        choose(f'an option of test_time.{name}', option, _options(kind))
    return kind(**options)


def _options(kind: type) -> list[str]:
    """Names of the arguments of a class, those that it hands on to its bases included."""
    makers = [inspect.signature(cls).parameters.values() for cls in kind.__mro__ if '__init__' in vars(cls)]
    return list(dict.fromkeys(own.name for maker in makers for own in maker if own.kind is own.POSITIONAL_OR_KEYWORD))
