"""Every work-around for upstream behaviour, one function each, with the issue that it answers.

Nothing elsewhere in the package patches another package. Each function leaves a fixed upstream alone: it looks for
the fault first. :func:`apply_workarounds` runs those that must precede the import of MMAction2 and imports nothing
of the stack, so that the parts which need torch alone can be used alone; the others are called by the room that needs
them. A new one goes into the module of its theme, and into :func:`workarounds_in_force`.
"""

import sys
from importlib import metadata

from mmda_ext.compat import packages
from mmda_ext.compat.arrays import adjust_hue, fix_color_jitter, fix_numpy_aliases
from mmda_ext.compat.backbones import forget_missing_weights
from mmda_ext.compat.checkpoint_hook import keep_checkpoints_at_home
from mmda_ext.compat.checkpoints import (
    allow_mmengine_checkpoints,
    checkpoint_globals,
    load_from_local,
    read_checkpoint,
    tensors_only,
)
from mmda_ext.compat.config_in_checkpoint import ignore_configs_in_checkpoints
from mmda_ext.compat.configs import format_configs_once, quiet_substitution
from mmda_ext.compat.devices import allow_cpu_amp, end_together, has_accelerator, prepare_cpu_distributed, recurrent
from mmda_ext.compat.downloads import load_from_http
from mmda_ext.compat.dumps import read_dump
from mmda_ext.compat.imports import disable_vindlu, provide_drn, provide_importlib_metadata
from mmda_ext.compat.later import after_import
from mmda_ext.compat.messages import held_back_start, hush_import_warnings, hush_parameter_lists
from mmda_ext.compat.packages import keep_order, mend_scopes, register_package, replace_pkg_resources
from mmda_ext.stack import installed, version_of

__all__ = [
    'adjust_hue', 'after_import', 'allow_cpu_amp', 'allow_mmengine_checkpoints', 'apply_workarounds',
    'checkpoint_globals', 'disable_vindlu', 'end_together', 'fix_color_jitter', 'fix_numpy_aliases',
    'forget_missing_weights', 'format_configs_once', 'has_accelerator', 'held_back_start', 'hush_import_warnings',
    'hush_parameter_lists', 'ignore_configs_in_checkpoints', 'keep_checkpoints_at_home', 'keep_order',
    'load_from_http', 'load_from_local', 'mend_scopes', 'prepare_cpu_distributed', 'provide_drn',
    'provide_importlib_metadata', 'quiet_substitution', 'read_checkpoint', 'read_dump', 'recurrent', 'register_package',
    'replace_pkg_resources', 'tensors_only', 'workarounds_in_force'
]


def apply_workarounds() -> None:
    """Run the work-arounds that must be in place before MMAction2 is imported; safe to call twice."""
    hush_import_warnings()
    provide_importlib_metadata()
    provide_drn()
    disable_vindlu()
    after_import('mmengine.config', _mend_configs)
    after_import('mmengine.runner.checkpoint', allow_mmengine_checkpoints)


def _mend_configs() -> None:
    register_package()
    mend_scopes()
    keep_order()
    replace_pkg_resources()
    format_configs_once()


def workarounds_in_force() -> list[str]:
    """Names of the work-arounds of this package that something installed makes necessary, for the doctor."""
    stub = {name for name in ('mmaction.models.localizers.drn', 'mmaction.models.multimodal')
            if getattr(sys.modules.get(name), '__spec__', None) is None and name in sys.modules}
    on_cpu = packages.mmengine_imports() and installed('torch') and not has_accelerator()
    found_by = getattr(sys.modules.get('mmengine.utils.package_utils'), 'is_installed', None)
    config = sys.modules.get('mmengine.config.config')
    scopes = getattr(getattr(config, 'Config', None), '_dict_to_config_dict', None)
    facts = {
        'provide_importlib_metadata': sys.modules.get('importlib_metadata') is metadata,
        'provide_drn': 'mmaction.models.localizers.drn' in stub,
        'disable_vindlu': 'mmaction.models.multimodal' in stub,
        'mend_scopes': getattr(scopes, '__module__', '') == packages.__name__,
        'keep_order': 'sorted' in getattr(config, '__dict__', {}),
        'format_configs_once': hasattr(getattr(config, 'FormatCode', None), 'cache_info'),
        'replace_pkg_resources': getattr(found_by, '__module__', '') == packages.__name__,
        'fix_numpy_aliases, fix_color_jitter': version_of('numpy') >= (2, ),
        'allow_mmengine_checkpoints, ignore_configs_in_checkpoints, keep_checkpoints_at_home': installed('mmengine'),
        'allow_cpu_amp, prepare_cpu_distributed': on_cpu,
    }
    return [name for name, holds in facts.items() if holds]
