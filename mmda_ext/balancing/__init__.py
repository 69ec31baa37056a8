"""The mathematics of balancing. Imports torch only; every rule here can be tried on a 2 x 3 matrix.

Every class in a file of this package is a name of the package: ``from mmda_ext.balancing import GMP``.
"""

from typing import TYPE_CHECKING, Any

from mmda_ext.balancing.base import BalanceInputs, Balancer, scaled
from mmda_ext.discovery import classes_of

if TYPE_CHECKING:
    def __getattr__(name: str) -> Any: ...  # noqa: D103

globals().update(classes_of(__name__))

__all__ = ['BalanceInputs', 'Balancer', 'scaled', *classes_of(__name__)]
