"""Registers every balancer of :mod:`mmda_ext.balancing`, so that a config can name it.

The mathematics must not import MMEngine; this module stands between.
"""

import inspect

from mmda_ext.balancing import Balancer
from mmda_ext.discovery import classes_of
from mmda_ext.registry import BALANCERS


def register_balancers() -> None:
    """Register the concrete :class:`Balancer` subclasses defined in the files of ``mmda_ext.balancing``."""
    for name, member in classes_of('mmda_ext.balancing').items():
        if issubclass(member, Balancer) and not inspect.isabstract(member):
            BALANCERS.register_module(name=name, module=member, force=True)


register_balancers()
