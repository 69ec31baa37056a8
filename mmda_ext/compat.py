"""Every work-around for upstream behaviour, one function each, with the issue that it answers.

Nothing elsewhere in the package patches another package. Each function leaves a fixed upstream alone: it looks for
the fault first. :func:`apply_workarounds` runs those that must precede the import of MMAction2 and imports nothing
heavy; the others are called by the room that needs them.
"""

import importlib
import importlib.util
import logging
import pickle
import sys
import types
import warnings
import zipfile
from contextlib import nullcontext
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mmda_ext.stack import installed, version_of


def apply_workarounds() -> None:
    """Run the work-arounds that must be in place before MMAction2 is imported; safe to call twice."""
    hush_import_warnings()
    provide_importlib_metadata()
    provide_drn()
    disable_vindlu()
    register_package()
    replace_pkg_resources()


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


def register_package() -> None:
    """Let configs inherit by ``mmda_ext::``; MMEngine keeps a closed list of packages.

    https://github.com/open-mmlab/mmengine/issues/1410
    """
    if _mmengine_imports():
        from mmengine.config.utils import MODULE2PACKAGE
        MODULE2PACKAGE.setdefault('mmda_ext', 'mmda_ext')


def replace_pkg_resources() -> None:
    """MMEngine finds packages through ``pkg_resources``, which setuptools 82 removed: no ``mmaction::`` config loads.

    Where it is still present it reports a folder that does not exist for an editable install. The import system knows
    both. https://github.com/open-mmlab/mmcv/issues/3325
    """
    if not _mmengine_imports():
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
def _mmengine_imports() -> bool:
    """Whether MMEngine is installed and whole; it does not import without its own requirements."""
    if not installed('mmengine'):
        return False
    try:
        importlib.import_module('mmengine.config')
    except ImportError:
        return False
    return True


def fix_numpy_aliases() -> None:
    """MMAction2 uses names that NumPy 2 removed (``np.Inf`` and others); add those that are missing."""
    import numpy as np
    renamed = {'Inf': 'inf', 'NAN': 'nan', 'trapz': 'trapezoid', 'in1d': 'isin'}
    for old, new in renamed.items():
        if not hasattr(np, old):
            setattr(np, old, getattr(np, new))


def fix_color_jitter() -> None:
    """``ColorJitter.adjust_hue`` adds a negative Python integer to uint8, which NumPy 2 refuses: half of the calls."""
    import numpy as np
    from mmaction.datasets.transforms.processing import ColorJitter
    try:
        ColorJitter.adjust_hue(np.zeros((1, 1, 3), dtype=np.float32), -0.05)
    except OverflowError:
        ColorJitter.adjust_hue = staticmethod(adjust_hue)


def adjust_hue(img: Any, factor: float) -> Any:
    """Shift the hue of an RGB image as ``ColorJitter`` does under NumPy 1.

    Args:
        img (np.ndarray): Image of shape ``(H, W, 3)`` with values from 0 to 255.
        factor (float): Shift in parts of the circle that OpenCV's 8-bit hue would span at 255 steps.

    Returns:
        np.ndarray: The shifted image, float32.
    """
    import cv2
    import numpy as np
    hsv = cv2.cvtColor(np.clip(img, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    offset = int(factor * 255)
    hue = hsv[..., 0].astype(np.int64) + offset
    # NumPy 1 kept uint8 for a non-negative offset, so the sum wrapped at 256 before the remainder.
    hsv[..., 0] = (hue % 256 if offset >= 0 else hue) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)


def _method_of_history(owner: Any, name: str) -> Any:
    """Stand-in for ``getattr`` while a checkpoint is read: a history's statistics are pickled as its attributes."""
    from mmengine.logging.history_buffer import HistoryBuffer
    if owner is not HistoryBuffer and not isinstance(owner, HistoryBuffer):
        raise pickle.UnpicklingError(f'the checkpoint asks for attribute {name!r} of {owner!r}')
    return getattr(owner, name)


@lru_cache(maxsize=1)
def checkpoint_globals() -> list[Any]:
    """Harmless classes and functions that MMEngine writes into its own checkpoints."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    core = getattr(np, '_core' if version_of('numpy') >= (2, ) else 'core')
    dtypes = {type(np.dtype(name)) for name in ('f8', 'f4', 'i8', 'i4', 'u4', 'u1', '?')}
    # NumPy 1 and 2 name the module differently, and a checkpoint may come from either.
    arrays = [(getattr(core.multiarray, name), f'numpy.{module}.multiarray.{name}')
              for name in ('_reconstruct', 'scalar') for module in ('core', '_core')]
    return [HistoryBuffer, (_method_of_history, 'builtins.getattr'), np.ndarray, np.dtype, *dtypes, *arrays]


def allow_mmengine_checkpoints() -> None:
    """Let MMEngine read its own checkpoints under torch >= 2.6, still refusing to run code from the file.

    https://github.com/open-mmlab/mmengine/issues/1655
    """
    from mmengine.runner.checkpoint import CheckpointLoader
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint file without running code from it (torch >= 2.6; older torch reads as it always did).

    Args:
        filename (str): Path of the file.
        map_location (Any): Where ``torch.load`` puts the tensors.

    Returns:
        Any: What the file holds, for MMEngine a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If the file is damaged, or holds more than tensors and MMEngine's own histories.
    """
    import torch
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist: check the path on the command line, `load_from` or '
                                '`init_cfg`')
    # From 2.6 on, torch.load reads tensors only, and the allow-list takes names beside objects.
    safe = version_of('torch') >= (2, 6)
    try:
        with torch.serialization.safe_globals(checkpoint_globals()) if safe else nullcontext():
            return torch.load(path, map_location=map_location)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(
            f'checkpoint {path} holds more than tensors and is not loaded, because such a file can run code; if '
            f'you trust its origin, set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 and try again. ({error})') from error
    except (RuntimeError, EOFError) as error:
        if zipfile.is_zipfile(path):
            raise
        raise pickle.UnpicklingError(
            f'checkpoint {path} is damaged, perhaps cut short while it was written: use another one') from error


def allow_cpu_amp() -> None:
    """``AmpOptimWrapper`` refuses to be built without an accelerator although bfloat16 autocast works on a CPU.

    The gradient scaler switches itself off there, which is right: bfloat16 needs none.
    """
    from mmengine.optim.optimizer import amp_optimizer_wrapper as module
    if has_accelerator() or not hasattr(module, 'is_cuda_available'):
        return
    module.is_cuda_available = lambda: True
    for message in ('.*GradScaler is enabled, but CUDA is not available', '.*GradScaler.* is deprecated'):
        warnings.filterwarnings('ignore', message=message)


def has_accelerator() -> bool:
    """Whether MMEngine would place a model on anything but the CPU."""
    from mmengine.device import get_device
    return get_device() != 'cpu'


def prepare_cpu_distributed(cfg: Any) -> None:
    """Make ``launcher='pytorch'`` work on a machine without an accelerator.

    MMEngine 0.10.7 always calls ``torch.cuda.set_device`` and always passes ``device_ids``; so open the process group
    here (the runner then skips its own) and name ``device_ids`` in the config.
    """
    import torch.distributed as dist
    if has_accelerator() or not dist.is_available():
        return
    if not dist.is_initialized():
        dist.init_process_group('gloo')
    wrapper = dict(cfg.get('model_wrapper_cfg') or {})
    if wrapper.setdefault('type', 'MMDistributedDataParallel') == 'MMDistributedDataParallel':
        # With a wrapper config, the runner no longer fills in these two.
        wrapper.setdefault('broadcast_buffers', False)
        wrapper.setdefault('find_unused_parameters', cfg.get('find_unused_parameters', False))
    wrapper['device_ids'] = None
    cfg['model_wrapper_cfg'] = wrapper


def hush_import_warnings() -> None:
    """Hide what importing the stack prints and what a user can do nothing about."""
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
    # WavLM of transformers, at every new shape of a batch.
    warnings.filterwarnings('ignore', message='Support for mismatched key_padding_mask and attn_mask is deprecated')


def hush_parameter_lists() -> None:
    """``paramwise_cfg`` makes MMEngine log every parameter, frozen ones as warnings; now at DEBUG (mmengine #262)."""
    from mmengine.logging import print_log
    from mmengine.optim.optimizer import default_constructor as module
    module.print_log = lambda text, logger=None, level=0: print_log(text, logger, logging.DEBUG)


def workarounds_in_force() -> list[str]:
    """Names of the work-arounds of this module that something installed makes necessary, for the doctor."""
    stub = {name for name in ('mmaction.models.localizers.drn', 'mmaction.models.multimodal')
            if getattr(sys.modules.get(name), '__spec__', None) is None and name in sys.modules}
    package_utils = sys.modules.get('mmengine.utils.package_utils')
    facts = {
        'provide_importlib_metadata': sys.modules.get('importlib_metadata') is metadata,
        'provide_drn': 'mmaction.models.localizers.drn' in stub,
        'disable_vindlu': 'mmaction.models.multimodal' in stub,
        'replace_pkg_resources': getattr(getattr(package_utils, 'is_installed', None), '__module__', '') == __name__,
        'fix_numpy_aliases, fix_color_jitter': version_of('numpy') >= (2, ),
        'allow_mmengine_checkpoints': version_of('torch') >= (2, 6),
        'allow_cpu_amp, prepare_cpu_distributed': _mmengine_imports() and installed('torch') and not has_accelerator(),
    }
    return [name for name, holds in facts.items() if holds]
