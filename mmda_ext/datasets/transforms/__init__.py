"""Transforms beside MMAction2's: several modalities, sound, flow, packing.

Every class in a file of this package is a name of the package.
"""

from typing import TYPE_CHECKING, Any

from mmda_ext.discovery import classes_of

if TYPE_CHECKING:
    def __getattr__(name: str) -> Any: ...  # noqa: D103

globals().update(classes_of(__name__))

__all__ = [*classes_of(__name__)]
