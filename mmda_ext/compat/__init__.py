"""Every work-around for upstream behaviour, one function each, with the issue that it answers.

Nothing elsewhere in the package patches another package. Each function leaves a fixed upstream alone: it looks for
the fault first. :func:`apply_workarounds` runs those that must precede the import of MMAction2 and imports nothing
heavy; the others are called by the room that needs them. A new one goes into the module of its theme, and into
:func:`workarounds_in_force`.
"""

import sys
from importlib import metadata

from mmda_ext.compat import packages
from mmda_ext.compat.arrays import adjust_hue, fix_color_jitter, fix_numpy_aliases
from mmda_ext.compat.checkpoints import allow_mmengine_checkpoints, checkpoint_globals, load_from_local
from mmda_ext.compat.configs import keep_order_of_dumps, quiet_substitution
from mmda_ext.compat.devices import allow_cpu_amp, has_accelerator, prepare_cpu_distributed
from mmda_ext.compat.imports import disable_vindlu, provide_drn, provide_importlib_metadata
from mmda_ext.compat.messages import hush_import_warnings, hush_parameter_lists
from mmda_ext.compat.packages import register_package, replace_pkg_resources
from mmda_ext.stack import installed, version_of

__all__ = [
    'adjust_hue', 'allow_cpu_amp', 'allow_mmengine_checkpoints', 'apply_workarounds', 'checkpoint_globals',
    'disable_vindlu', 'fix_color_jitter', 'fix_numpy_aliases', 'has_accelerator', 'hush_import_warnings',
    'hush_parameter_lists', 'keep_order_of_dumps', 'load_from_local', 'prepare_cpu_distributed', 'provide_drn',
    'provide_importlib_metadata', 'quiet_substitution', 'register_package', 'replace_pkg_resources',
    'workarounds_in_force'
]


def apply_workarounds() -> None:
    """Run the work-arounds that must be in place before MMAction2 is imported; safe to call twice."""
    hush_import_warnings()
    provide_importlib_metadata()
    provide_drn()
    disable_vindlu()
    register_package()
    replace_pkg_resources()


def workarounds_in_force() -> list[str]:
    """Names of the work-arounds of this package that something installed makes necessary, for the doctor."""
    stub = {name for name in ('mmaction.models.localizers.drn', 'mmaction.models.multimodal')
            if getattr(sys.modules.get(name), '__spec__', None) is None and name in sys.modules}
    found_by = getattr(sys.modules.get('mmengine.utils.package_utils'), 'is_installed', None)
    on_cpu = packages.mmengine_imports() and installed('torch') and not has_accelerator()
    facts = {
        'provide_importlib_metadata': sys.modules.get('importlib_metadata') is metadata,
        'provide_drn': 'mmaction.models.localizers.drn' in stub,
        'disable_vindlu': 'mmaction.models.multimodal' in stub,
        'replace_pkg_resources': getattr(found_by, '__module__', '') == packages.__name__,
        'fix_numpy_aliases, fix_color_jitter': version_of('numpy') >= (2, ),
        'allow_mmengine_checkpoints': version_of('torch') >= (2, 6),
        'allow_cpu_amp, prepare_cpu_distributed': on_cpu,
    }
    return [name for name, holds in facts.items() if holds]
