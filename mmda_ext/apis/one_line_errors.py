"""Errors that a user can act on, in one sentence instead of a traceback."""

import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Set to 1 for the whole traceback of every error.
TRACEBACK_VARIABLE = 'MMDA_EXT_TRACEBACK'
EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

_PACKAGE = Path(__file__).resolve().parents[1]
_WORKER_FRAME = re.compile(r'File "(.+)", line \d+, in .+\n\s+(.+)')


class Interrupted(Exception):
    """The user stopped the run; the message says how to go on."""


def was_interrupted(error: BaseException | None) -> bool:
    """Whether the user's interruption is behind an error; MMEngine turns one into a SyntaxError while it saves."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def run_with_one_line_errors(main: Callable[[], Any]) -> int:
    """Call ``main`` and turn errors that need no traceback into one line on stderr.

    Args:
        main (Callable): The tool, without arguments.

    Returns:
        int: Exit code: 0, 1 after an error (or the ``exit_code`` that the error names), 130 after an interruption.

    Raises:
        Exception: Any error that looks like a fault of the program, or all of them with ``MMDA_EXT_TRACEBACK=1``.
    """
    try:
        main()
    except (KeyboardInterrupt, Interrupted) as stop:
        _say(str(stop) or 'interrupted')
        return EXIT_INTERRUPTED
    except Exception as error:
        sentence = explain(error)
        if sentence is None or os.environ.get(TRACEBACK_VARIABLE) == '1':
            raise
        _say(f'error: {sentence}\n({TRACEBACK_VARIABLE}=1 shows where it was raised)')
        return getattr(error, 'exit_code', EXIT_ERROR)
    return 0


def explain(error: Exception) -> str | None:
    """Sentence for an error that the user can mend, None for one that needs its traceback.

    The user can mend missing files, missing packages, unknown names in a config, and whatever this package raises on
    purpose (the innermost line of the traceback is a ``raise`` of ours).
    """
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}; check this path in the config, on the command line or in the data'
    if isinstance(error, (FileNotFoundError, ImportError)) or _raised_on_purpose(error):
        return _message(error)
    if isinstance(error, KeyError) and 'is not in the' in str(error) and 'registry' in str(error):
        return f'{_message(error)} (check the `type` in the config; types of this package begin with "mmda_ext.")'
    return None


def _raised_on_purpose(error: Exception) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    # A data loader's worker sends its traceback as text.
    worker = _WORKER_FRAME.findall(str(error))
    file, line = worker[-1] if worker else (frames[-1].filename, frames[-1].line or '') if frames else ('', '')
    return _PACKAGE in Path(file).resolve().parents and line.lstrip().startswith('raise')


def _message(error: Exception) -> str:
    # str() of a KeyError is the repr of its argument.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if _WORKER_FRAME.search(text):
        text = text.rstrip().splitlines()[-1]
    return ' '.join(text.split())


def _say(text: str) -> None:
    rank = os.environ.get('RANK')
    print(f'[rank {rank}] {text}' if rank is not None else text, file=sys.stderr, flush=True)
