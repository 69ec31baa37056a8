"""``python -m mmda_ext.doctor``: what is installed, what was tested, what is broken and what to do about it.

Runs where everything else is missing. The exit code is 1 if something that the package needs is missing or broken.
"""

import importlib
import platform
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

from mmda_ext import compat, stack
from mmda_ext.tested import PYTHON, TESTED, Tested
from mmda_ext.version import __version__

OK, DIFFERS, ABSENT, MISSING, BAD = 'ok', 'untested', 'absent', 'MISSING', 'BROKEN'


class Line(NamedTuple):
    """One line of the report."""

    name: str
    found: str
    tested: str
    verdict: str
    remedy: str = ''


def check_python() -> Line:
    """The interpreter."""
    low, high = PYTHON
    tested = f'{low[0]}.{low[1]} to {high[0]}.{high[1] - 1}'
    version = sys.version_info[:2]
    if version < low:
        return Line('python', platform.python_version(), tested, BAD, f'install Python {low[0]}.{low[1]} or newer')
    return Line('python', platform.python_version(), tested, OK if version < high else DIFFERS)


def import_error(module: str) -> str | None:
    """Why a module does not import; None if it does."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken package may raise anything at all
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def check_distribution(name: str, tested: Tested) -> Line:
    """One line of the table of tested versions."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = ''
    if not version and not stack.installed(tested.module):
        verdict = MISSING if tested.needed else ABSENT
        return Line(name, '-', tested.version, verdict, f'pip install "{name}=={tested.version}"  ({tested.purpose})')
    error = import_error(tested.module)
    if error is not None:
        verdict = BAD if tested.needed else f'{BAD} (optional)'
        return Line(name, version, tested.version, verdict, remedy_for(name, tested, error))
    same = version.split('+')[0] == tested.version
    return Line(name, version or 'other name', tested.version, OK if same else DIFFERS)


def remedy_for(name: str, tested: Tested, error: str) -> str:
    """What to do about a package that is there and does not import."""
    if 'libGL' in error or 'libgthread' in error:
        return 'install the system libraries that OpenCV needs: apt-get install libgl1 libglib2.0-0'
    if 'torchvision' in error or name == 'transformers' and stack.installed('torchvision'):
        return f'pip uninstall torchvision  (its build does not match torch; {error})'
    return f'pip install --force-reinstall --no-deps "{name}=={tested.version}"  ({error})'


def check_mmaction_models() -> Line:
    """MMAction2's models import only with the work-arounds in force."""
    name = 'mmaction.models'
    if not stack.installed('mmaction'):
        return Line(name, '-', '', MISSING, 'see mmaction2 above')
    error = import_error(name)
    return Line(name, 'imports' if error is None else '-', '', OK if error is None else BAD, error or '')


def check_torchvision() -> Line:
    """Not needed; built for another torch, it breaks transformers and timm."""
    if not stack.installed('torchvision'):
        return Line('torchvision', '-', 'absent', OK)
    error = import_error('torchvision')
    if error is None:
        return Line('torchvision', metadata.version('torchvision'), 'absent', DIFFERS)
    return Line('torchvision', 'does not import', 'absent', BAD,
                f'pip uninstall torchvision  (built for another torch: transformers fails with it; {error})')


def check_pkg_resources() -> Line:
    """MMEngine asks for it and setuptools 82 dropped it; a work-around answers."""
    present = stack.installed('pkg_resources')
    remedy = '' if present else 'a work-around is in force; mim itself needs: pip install "setuptools<82"'
    return Line('pkg_resources', 'present' if present else '-', 'present', OK if present else DIFFERS, remedy)


def check_video_decoder() -> Line:
    """PyAV is needed for video files; decord beside it is faster."""
    found = [name for name in ('av', 'decord') if stack.installed(name) and import_error(name) is None]
    if 'av' in found:
        return Line('video decoder', ', '.join(found), 'av, decord', OK)
    remedy = 'pip install av  (needed for video files, not for frames)'
    return Line('video decoder', ', '.join(found) or '-', 'av, decord', ABSENT, remedy)


def check_gpu() -> Line:
    """What torch would compute on."""
    if not stack.installed('torch') or import_error('torch') is not None:
        return Line('device', '-', '', ABSENT, 'torch first')
    import torch
    if not torch.cuda.is_available():
        return Line('device', 'CPU only', '', OK)
    names = {torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
    return Line('device', f'{torch.cuda.device_count()} x {", ".join(sorted(names))}', '', OK)


def examine() -> Iterator[Line]:
    """All lines of the report."""
    yield check_python()
    yield from (check_distribution(name, tested) for name, tested in TESTED.items())
    yield from (check_mmaction_models(), check_torchvision(), check_pkg_resources(), check_video_decoder(), check_gpu())


def main() -> int:
    """Print the report; returns the exit code."""
    warnings.simplefilter('ignore')
    print(f'mmda_ext {__version__} on {platform.platform()}')
    print(f'{"":24}{"installed":20}{"tested":20}verdict')
    broken = []
    for line in examine():
        advice = f'  -> {line.remedy}' if line.remedy else ''
        print(f'{line.name:24}{line.found:20}{line.tested:20}{line.verdict}{advice}')
        if line.verdict in (MISSING, BAD):
            broken.append(line.name)
    in_force = compat.workarounds_in_force()
    print(f'work-arounds in force: {", ".join(in_force) if in_force else "none"}')
    print(f'to mend: {", ".join(broken)}' if broken else 'everything that the package needs is there')
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
