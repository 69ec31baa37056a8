"""Evaluations of a trained model beyond its accuracy: ``tools/test.py CONFIG CHECKPOINT --protocol NAME ...``.

A protocol is one file of this folder. ``<name>.py`` defines a class ``<Name>`` (``open_set``: ``OpenSet``), a
:class:`.base.Protocol` registered in ``PROTOCOLS``; the file's name is what ``--protocol`` takes. Its arguments are
the options, which a config gives as ``protocols = dict(<name>=dict(...))`` and the command line as ``--cfg-options
protocols.<name>.<option>=...``. Its ``evaluate`` is given an :class:`.base.Evaluation`, which has the scores of the
plain test, runs the model on other loaders, and knows features; it returns numbers for ``result.json``. Raise a
``ValueError`` with one sentence where a model or its data cannot be evaluated so: the other protocols are done all
the same.
"""

import importlib
import pkgutil

#: `test_time` is what ``--test-time`` adds to the others.
_NO_PROTOCOLS = ('base', 'test_time')


def protocol_names() -> tuple[str, ...]:
    """Names that ``--protocol`` takes, in alphabetical order; nothing is imported."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in _NO_PROTOCOLS))


def class_name(protocol: str) -> str:
    """Class of a protocol in its file, and its ``type`` in ``PROTOCOLS``."""
    return ''.join(map(str.capitalize, protocol.split('_')))


def import_protocols() -> None:
    """Import all protocols, which registers them."""
    for name in protocol_names():
        importlib.import_module(f'{__name__}.{name}')
