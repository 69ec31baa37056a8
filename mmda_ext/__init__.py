"""mmda_ext: multimodal domain generalization and adaptation on MMAction2 1.x."""

from mmda_ext.compat import apply_workarounds
from mmda_ext.version import __version__

apply_workarounds()

__all__ = ['__version__']
