"""The console command ``mmda``: every tool by one word, from any folder; imports nothing heavy before the tool.

The tools are the scripts of ``tools/``, which an installation has in ``mmda_ext/.mim/tools``.
"""

import ast
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmda_ext.version import __version__

_PACKAGE = Path(__file__).resolve().parent
#: Command -> its script, or its folder of scripts, and what it does.
COMMANDS = {
    'train': ('train.py', 'train a recognizer: mmda train gmp --dataset mine.npz --target siteB'),
    'test': ('test.py', 'test one: mmda test CONFIG CHECKPOINT'),
    'predict': ('predict.py', 'classify files: mmda predict work_dirs/run video=a.mp4 audio=a.wav'),
    'extract': ('extract.py', 'write features to a file that trains: mmda extract work_dirs/run out.npz'),
    'sweep': ('sweep.py', 'train and test a grid of methods, targets and seeds'),
    'report': ('analysis/report_results.py', 'tables and plots of sweeps'),
    'plot': ('analysis', 'pictures and analyses of data and runs: mmda plot lists them'),
    'data': ('data', 'make, prepare and check data: mmda data lists what there is'),
    'doctor': ('', 'what is installed, what was tested, what to do'),
}


def tools_folder() -> Path:
    """``tools/`` beside the package in a checkout, else what was installed with it."""
    beside = _PACKAGE.parent / 'tools'
    return beside if (beside / 'sweep_cell.py').is_file() else _PACKAGE / '.mim' / 'tools'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool that the first word names, with the other words as its arguments.

    Args:
        arguments (Sequence[str], optional): By default those of the process.

    Returns:
        int: Exit code; a tool that ran ends the process with its own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in ([], ['--help'], ['-h']):
        print('usage: mmda COMMAND [arguments]      (mmda COMMAND --help lists the arguments)\n')
        _show({name: text for name, (_, text) in COMMANDS.items()})
        return 0
    if words[0] == '--version':
        print(f'mmda_ext {__version__}')
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        return _refuse('mmda', name, COMMANDS)
    place = tools_folder() / COMMANDS[name][0] if COMMANDS[name][0] else _PACKAGE / f'{name}.py'
    return _run_one_of(place, name, rest) if place.is_dir() else _run(place, f'mmda {name}', rest)


def _run_one_of(folder: Path, command: str, words: list[str]) -> int:
    """Run the script of a folder that the first word names; without one, list them."""
    own = [script for script, _ in COMMANDS.values()]
    scripts = {path.stem.replace('_', '-'): path for path in sorted(folder.glob('*.py'))
               if f'{folder.name}/{path.name}' not in own}
    if words[:1] in ([], ['--help'], ['-h']):
        print(f'usage: mmda {command} NAME [arguments]      (mmda {command} NAME --help lists the arguments)\n')
        _show({name: _first_line(path) for name, path in scripts.items()})
        return 0
    name = words[0].replace('_', '-')
    if name not in scripts:
        return _refuse(f'mmda {command}', words[0], scripts)
    return _run(scripts[name], f'mmda {command} {name}', words[1:])


def _run(script: Path, program: str, words: list[str]) -> int:
    """Run a script in this process; unlike `runpy`, under the name by which the user called it."""
    sys.argv[:] = [program, *words]
    sys.path.insert(0, str(script.parent))
    exec(compile(script.read_bytes(), str(script), 'exec'), {'__name__': '__main__', '__file__': str(script)})
    return 0


def _refuse(program: str, name: str, known: Mapping[str, object]) -> int:
    near = difflib.get_close_matches(name, known, 1)
    hint = f'did you mean {near[0]}? ' if near else ''
    print(f'error: {program} has no command {name!r}: {hint}there are {", ".join(known)}', file=sys.stderr)
    return 2


def _show(texts: Mapping[str, str]) -> None:
    width = max(map(len, texts))
    print('\n'.join(f'  {name:{width}}  {text}' for name, text in texts.items()))


def _first_line(script: Path) -> str:
    return (ast.get_docstring(ast.parse(script.read_text(encoding='utf-8'))) or '').partition('\n')[0]


if __name__ == '__main__':
    sys.exit(main())
