"""Hooks: reproducible epochs, safe checkpoints, guards of data and losses, one test, pictures, strategies by epoch.

Every class in a file of this package is a name of the package.
"""

from typing import TYPE_CHECKING, Any

from mmda_ext.discovery import classes_of

if TYPE_CHECKING:
    def __getattr__(name: str) -> Any: ...  # noqa: D103

globals().update(classes_of(__name__))

__all__ = [*classes_of(__name__)]
