"""What is installed of the stack below this package; imports nothing of it."""

import importlib.util
import sys
from importlib import metadata

#: What the package needs to import at all: module name -> pip requirement.
REQUIRED = {
    'torch': 'torch',
    'mmengine': 'mmengine==0.10.7',
    'mmcv': 'mmcv-lite==2.1.0',
    'mmaction': 'mmaction2==1.2.0',
}


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
    numbers: list[int] = []
    for part in (text or '').split('+')[0].split('.'):
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
