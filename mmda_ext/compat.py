"""Every work-around for upstream behaviour, one function each, with the issue that it answers.

Nothing elsewhere in the package patches another package. Each function leaves a fixed upstream alone: it looks for
the fault first. :func:`apply_workarounds` runs those that must precede the import of MMAction2 and imports nothing
heavy; the others are called by the room that needs them.
"""

import importlib.util
import pickle
import sys
import types
import warnings
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

#: What the package needs to import at all: module name -> pip requirement.
REQUIRED = {
    'torch': 'torch',
    'mmengine': 'mmengine==0.10.7',
    'mmcv': 'mmcv-lite==2.1.0',
    'mmaction': 'mmaction2==1.2.0',
}


def apply_workarounds() -> None:
    """Run the work-arounds that must be in place before MMAction2 is imported; safe to call twice."""
    hush_import_warnings()
    provide_importlib_metadata()
    provide_drn()
    disable_vindlu()
    register_package()


def installed(module: str) -> bool:
    """Whether ``module`` can be found, without importing it."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def version_of(distribution: str) -> tuple[int, ...]:
    """Leading integers of the version of an installed distribution; empty when it is not installed."""
    try:
        text = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ()
    numbers = []
    for part in text.split('+')[0].split('.'):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def require_stack() -> None:
    """Raise one sentence that names the fix when a package that everything needs is missing.

    Raises:
        ImportError: If torch, mmengine, mmcv or mmaction2 cannot be found.
    """
    missing = [requirement for module, requirement in REQUIRED.items() if not installed(module)]
    if missing:
        raise ImportError(
            f'mmda_ext needs {", ".join(missing)}: run `pip install {" ".join(missing)}` '
            '(`python -m mmda_ext.doctor` shows all that is installed and tested).')


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
    if installed('mmengine'):
        from mmengine.config.utils import MODULE2PACKAGE
        MODULE2PACKAGE.setdefault('mmda_ext', 'mmda_ext')


def fix_numpy_aliases() -> None:
    """MMAction2 uses names that NumPy 2 removed (``np.Inf`` and others); add those that are missing."""
    import numpy as np
    renamed = {'Inf': 'inf', 'NAN': 'nan', 'trapz': 'trapezoid', 'in1d': 'isin'}
    for old, new in renamed.items():
        if not hasattr(np, old):
            setattr(np, old, getattr(np, new))


def fix_color_jitter() -> None:
    """``ColorJitter.adjust_hue`` adds a negative Python integer to uint8, which NumPy 2 refuses in half of the calls."""
    import cv2
    import numpy as np
    from mmaction.datasets.transforms.processing import ColorJitter

    def adjust_hue(img: np.ndarray, factor: float) -> np.ndarray:
        hsv = cv2.cvtColor(np.clip(img, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
        # NumPy 1 wrapped the sum at 256 before the remainder; keep its numbers.
        shifted = (hsv[..., 0].astype(np.int64) + int(factor * 255)) % 256
        hsv[..., 0] = (shifted % 180).astype(np.uint8)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)

    ColorJitter.adjust_hue = staticmethod(adjust_hue)


@lru_cache(maxsize=1)
def checkpoint_globals() -> list[Any]:
    """Harmless classes and functions that MMEngine writes into its own checkpoints."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    core = np._core if hasattr(np, '_core') else np.core
    dtypes = {type(np.dtype(name)) for name in ('f8', 'f4', 'i8', 'i4', 'u4', 'u1', '?')}
    arrays = [core.multiarray._reconstruct, core.multiarray.scalar, np.ndarray, np.dtype]
    # Arrays written by the other major version of NumPy name the module by its other name.
    other = 'numpy.core.multiarray' if hasattr(np, '_core') else 'numpy._core.multiarray'
    aliases = [(function, f'{other}.{function.__name__}') for function in arrays[:2]]
    return [HistoryBuffer, getattr, *arrays, *dtypes, *aliases]


def allow_mmengine_checkpoints() -> None:
    """Let MMEngine read its own checkpoints under torch >= 2.6, still refusing to run code from the file.

    https://github.com/open-mmlab/mmengine/issues/1655
    """
    import torch
    from mmengine.runner.checkpoint import CheckpointLoader
    if not hasattr(torch.serialization, 'safe_globals'):
        return

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        path = Path(filename).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f'checkpoint {path} does not exist: check `load_from`, `--resume` or `init_cfg`')
        try:
            with torch.serialization.safe_globals(checkpoint_globals()):
                return torch.load(path, map_location=map_location)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(
                f'checkpoint {path} holds more than tensors and is not loaded, because such a file can run code; if '
                f'you trust its origin, set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 and try again. ({error})') from error

    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def allow_cpu_amp() -> None:
    """``AmpOptimWrapper`` refuses to be built without an accelerator although bfloat16 autocast works on a CPU.

    The gradient scaler switches itself off there, which is right: bfloat16 needs none.
    """
    from mmengine.optim.optimizer import amp_optimizer_wrapper as module
    if not module.is_cuda_available():
        module.is_cuda_available = lambda: True


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
    wrapper = cfg.setdefault('model_wrapper_cfg', {})
    wrapper.setdefault('type', 'MMDistributedDataParallel')
    wrapper.setdefault('broadcast_buffers', False)
    wrapper['device_ids'] = None


def hush_import_warnings() -> None:
    """Hide what importing the stack prints and what a user can do nothing about."""
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
