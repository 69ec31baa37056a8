"""Run one of MMAction2's own scripts on a config of this package.

    python tools/run_mmaction.py analysis_tools/confusion_matrix.py CONFIG CHECKPOINT --show-path matrix.png
    python tools/run_mmaction.py analysis_tools/print_config.py CONFIG

The scripts come with MMAction2's wheel. Started directly they lack the work-arounds of this package, without which
MMAction2 does not import. Those that know one tensor per sample are replaced; the error names what by.
"""

import runpy
import sys
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.stack import require_stack

#: Scripts that cannot work with one tensor per modality, and what does their work here.
REPLACED = {
    'train.py': 'python tools/train.py',
    'test.py': 'python tools/test.py',
    'get_flops.py': 'python tools/analysis/get_flops.py CONFIG',
    'browse_dataset.py': 'python tools/analysis/browse_dataset.py CONFIG FOLDER',
    'vis_cam.py': 'python tools/test.py CONFIG CHECKPOINT --show-dir FOLDER, which draws predictions, not activations',
}


def find(name: str) -> Path:
    """Path of a script of MMAction2.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    import mmaction
    folder = Path(mmaction.__file__).parent / '.mim' / 'tools'
    script = folder / name
    if not script.is_file():
        known = sorted(str(path.relative_to(folder)) for kind in ('analysis_tools', 'visualizations')
                       for path in (folder / kind).glob('*.py') if path.name not in REPLACED)
        raise FileNotFoundError(f"{name} is no script of MMAction2's wheel; there are {', '.join(known) or 'none'}")
    return script


def main() -> None:
    require_stack()
    from mmda_ext import compat
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__)
        return
    name = sys.argv[1]
    if Path(name).name in REPLACED:
        sys.exit(f'error: {name} takes models with one input: use {REPLACED[Path(name).name]} instead')
    compat.allow_mmengine_checkpoints()
    compat.fix_numpy_aliases()
    compat.fix_color_jitter()
    sys.argv[:] = [str(find(name)), *sys.argv[2:]]
    runpy.run_path(sys.argv[0], run_name='__main__')


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
