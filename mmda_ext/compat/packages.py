"""How MMEngine finds packages, and their configs."""

import importlib
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmda_ext.stack import installed, version_of


def register_package() -> None:
    """Let configs inherit by ``mmda_ext::``; MMEngine keeps a closed list of packages.

    And it refuses a config that lies in no folder, such as ``mmda_ext::gmp_slowfast_epic.py``.
    https://github.com/open-mmlab/mmengine/issues/1410
    """
    if not mmengine_imports():
        return
    from mmengine.config.utils import MODULE2PACKAGE
    MODULE2PACKAGE.setdefault('mmda_ext', 'mmda_ext')
    module = importlib.import_module('mmengine.config.config')
    strict = module._get_package_and_cfg_path
    if strict.__module__ == __name__:
        return

    def _get_package_and_cfg_path(cfg_path: str) -> tuple[str, str]:
        package, _, name = cfg_path.partition('::')
        return (package, name) if package == 'mmda_ext' else strict(cfg_path)

    module._get_package_and_cfg_path = _get_package_and_cfg_path  # type: ignore[attr-defined]


def mend_scopes() -> None:
    """Let a config that inherits by ``mmda_ext::`` train.

    MMEngine writes ``_scope_='mmda_ext'`` into every dict with a ``type`` that is inherited so. But the recipes name
    MMAction2's parts as under ``default_scope = 'mmaction'``, and the registries of this package do not know those; so
    the scope is that one. And ``collate_fn`` and ``worker_init_fn`` are functions, which would get ``_scope_`` as an
    argument: they have none, also when inherited by ``mmaction::`` (MMEngine 0.10.7).
    """
    if not mmengine_imports():
        return
    from mmengine.config import Config, ConfigDict
    faulty = Config._dict_to_config_dict
    probe = faulty({'collate_fn': ConfigDict(type='pseudo_collate')}, 'mmda_ext')
    if '_scope_' not in probe['collate_fn']:
        return

    def _dict_to_config_dict(cfg: Any, scope: str | None = None, has_scope: bool = True) -> Any:
        cfg = faulty(cfg, 'mmaction' if scope == 'mmda_ext' else scope, has_scope)
        for name in ('collate_fn', 'worker_init_fn'):
            if isinstance(cfg, dict) and isinstance(cfg.get(name), dict):
                cfg[name].pop('_scope_', None)
        return cfg

    Config._dict_to_config_dict = staticmethod(_dict_to_config_dict)


def keep_order() -> None:
    """Write configs as they were read: MMEngine sorts the keys of every dict in the text of a config.

    The order of a dict is the order of the modalities, so a checkpoint that is tested with the config dumped beside it
    would have its features joined in another order, and wrong predictions without a word (MMEngine 0.10.7).
    """
    if not mmengine_imports():
        return
    module = importlib.import_module('mmengine.config.config')
    if module.Config({'b': 1, 'a': 2}).pretty_text.startswith('a'):
        # The one place in that module that sorts, and it offers no seam.
        module.sorted = lambda items, **_: list(items)  # type: ignore[attr-defined]


def replace_pkg_resources() -> None:
    """MMEngine finds packages through ``pkg_resources``, which setuptools 82 removed: no ``mmaction::`` config loads.

    Where it is still present it reports a folder that does not exist for an editable install. The import system knows
    both. https://github.com/open-mmlab/mmcv/issues/3325
    """
    if not mmengine_imports():
        return
    from mmengine.config.utils import MODULE2PACKAGE
    from mmengine.utils import package_utils
    faulty = package_utils.get_installed_path
    if 'pkg_resources' not in faulty.__code__.co_names:
        return
    modules = {package: module for module, package in MODULE2PACKAGE.items()}

    def get_installed_path(package: str) -> str:
        spec = importlib.util.find_spec(modules.get(package, package))
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f'package {package} is not installed: run `pip install {package}`')
        return str(Path(spec.origin).parent)

    def is_installed(package: str) -> bool:
        return bool(version_of(package)) or installed(modules.get(package, package))

    new = {'get_installed_path': get_installed_path, 'is_installed': is_installed}
    old = {name: getattr(package_utils, name) for name in new}
    for module in [module for name, module in sys.modules.items() if name.split('.')[0] == 'mmengine']:
        for name, function in new.items():
            if getattr(module, name, None) is old[name]:
                setattr(module, name, function)


@lru_cache(maxsize=1)
def mmengine_imports() -> bool:
    """Whether MMEngine is installed and whole; it does not import without its own requirements."""
    if not installed('mmengine'):
        return False
    try:
        importlib.import_module('mmengine.config')
    except ImportError:
        return False
    return True
