"""What must stand in for modules that MMAction2 imports and that are missing or broken."""

import importlib.util
import sys
import types
from importlib import metadata
from pathlib import Path

from mmda_ext.stack import installed, version_of


def provide_importlib_metadata() -> None:
    """``mmaction.utils.dependency`` imports the undeclared back-port; the standard library has the same names."""
    if not installed('importlib_metadata'):
        sys.modules['importlib_metadata'] = metadata


def provide_drn() -> None:
    """The mmaction2 1.2.0 wheel lacks ``models/localizers/drn``, which its own ``__init__`` imports.

    https://github.com/open-mmlab/mmaction2/issues/2714
    """
    spec = importlib.util.find_spec('mmaction')
    name = 'mmaction.models.localizers.drn'
    if spec is None or spec.origin is None or name in sys.modules:
        return
    if (Path(spec.origin).parent / 'models' / 'localizers' / 'drn').is_dir():
        return
    package, module = types.ModuleType(name), types.ModuleType(f'{name}.drn')
    package.__path__ = []
    module.DRN = type('DRN', (), {'__doc__': 'Missing from the mmaction2 wheel.'})  # type: ignore[attr-defined]
    package.drn = module  # type: ignore[attr-defined]
    sys.modules.update({name: package, f'{name}.drn': module})


def disable_vindlu() -> None:
    """VindLU, the only content of ``mmaction.models.multimodal``, cannot be imported beside a current transformers.

    It needs timm, torchvision and names that transformers 5 no longer has; MMAction2 imports it whenever transformers
    is installed at all, so that no other model can be imported. https://github.com/open-mmlab/mmaction2/issues/2714
    """
    name = 'mmaction.models.multimodal'
    transformers = version_of('transformers')
    works = installed('timm') and installed('torchvision') and transformers < (5, )
    if transformers and not works and name not in sys.modules:
        module = types.ModuleType(name)
        module.__all__ = []  # type: ignore[attr-defined]
        sys.modules[name] = module
