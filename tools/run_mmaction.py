"""Run one of MMAction2's own scripts on a config of this package.

    python tools/run_mmaction.py analysis_tools/confusion_matrix.py CONFIG CHECKPOINT --show-path matrix.png
    python tools/run_mmaction.py analysis_tools/print_config.py configs/methods/gmp.py --dataset epic --target D2

The scripts come with MMAction2's wheel. Started directly they lack the work-arounds of this package, without which
MMAction2 does not import. Those that know one tensor per sample are replaced; the error names what by.
"""

import argparse
import runpy
import sys
import tempfile
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


def composed(words: list[str], folder: Path) -> list[str]:
    """The arguments with a recipe and the flags of its data replaced by one whole config: the scripts know no flags."""
    from mmda_ext.apis.compose import add_flags, choice_of, compose
    from mmda_ext.apis.recipe_files import is_composed
    parser = argparse.ArgumentParser(add_help=False)
    add_flags(parser)
    args, rest = parser.parse_known_args(words)
    for position, word in enumerate(rest):
        if is_composed(Path(word)):
            cfg = compose(word, choice_of(args))
            rest[position] = str(folder / f'{cfg.recipe.run}.py')
            cfg.dump(rest[position])
            return rest
    return words


def main() -> None:
    require_stack()
    from mmda_ext import compat
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(f'usage: run_mmaction.py SCRIPT [arguments of the script]\n\n{__doc__}')
        return
    name = sys.argv[1]
    if Path(name).name in REPLACED:
        sys.exit(f'error: {name} takes models with one input: use {REPLACED[Path(name).name]} instead')
    compat.allow_mmengine_checkpoints()
    compat.fix_numpy_aliases()
    compat.fix_color_jitter()
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[:] = [str(find(name)), *composed(sys.argv[2:], Path(folder))]
        runpy.run_path(sys.argv[0], run_name='__main__')


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
