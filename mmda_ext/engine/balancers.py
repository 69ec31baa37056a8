"""Registers every balancer of :mod:`mmda_ext.balancing`, one file each, so that a config can name it.

The mathematics must not import MMEngine; this module stands between. A new file in ``balancing/`` is found by itself.
"""

import importlib
import inspect
import pkgutil

import mmda_ext.balancing as balancing
from mmda_ext.registry import BALANCERS


def register_balancers() -> None:
    """Register the concrete :class:`Balancer` subclasses defined in the modules of ``mmda_ext.balancing``."""
    for info in pkgutil.iter_modules(balancing.__path__):
        module = importlib.import_module(f'{balancing.__name__}.{info.name}')
        for name, member in vars(module).items():
            is_balancer = inspect.isclass(member) and issubclass(member, balancing.Balancer)
            if is_balancer and not inspect.isabstract(member) and member.__module__ == module.__name__:
                BALANCERS.register_module(name=name, module=member, force=True)


register_balancers()
