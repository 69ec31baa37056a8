"""Errors that a user can act on, in one sentence instead of a traceback."""

import atexit
import json
import multiprocessing
import os
import select
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from mmda_ext.apis.explanations import explain, is_consequence, is_one_of_several
from mmda_ext.apis.stop_signals import GRACE_S, stop_behind, stopped_by_signals

#: Set to 1 for the whole traceback of every error.
TRACEBACK_VARIABLE = 'MMDA_EXT_TRACEBACK'
#: Set by ``tools/launch.py``, which says at the end what it finds in the error files of its processes.
LAUNCHER_VARIABLE = 'MMDA_EXT_LAUNCHER'
#: Set by torchrun: where a process leaves the reason of its end.
ERROR_FILE_VARIABLE = 'TORCHELASTIC_ERROR_FILE'
EXIT_ERROR = 1
#: 128 plus SIGPIPE, as a shell has it.
EXIT_PIPE = 141


def run_with_one_line_errors(main: Callable[[], Any], grace_s: float | None = GRACE_S) -> int:
    """Call ``main`` and turn signals, and errors that need no traceback, into one line on stderr.

    Args:
        main (Callable): The tool, without arguments; an integer that it returns is the exit code.
        grace_s (float, optional): Seconds after a signal until a process that hangs is killed; None never kills.

    Returns:
        int: Exit code: 0 or what the tool returned, 1 (or the error's own ``exit_code``) after an error, 128 plus the
            signal's number after a signal.

    Raises:
        Exception: Any error that looks like a fault of the program, or all of them with ``MMDA_EXT_TRACEBACK=1``; one
            of several processes prints it, because its traceback must come before the end of the others.
    """
    try:
        with stopped_by_signals(grace_s):
            code = main() or 0
            sys.stdout.flush()
            return _leave_well(code)
    except BaseException as error:
        stop = stop_behind(error)
        if stop is not None:
            say(str(stop), is_consequence=True)
            return _leave(stop.exit_code)
        if not isinstance(error, Exception):
            raise
        if isinstance(error, BrokenPipeError) and _reader_left():
            return EXIT_PIPE
        sentence = explain(error)
        if sentence is not None and os.environ.get(TRACEBACK_VARIABLE) != '1':
            say(f'error: {sentence} ({TRACEBACK_VARIABLE}=1 shows where it was raised)', is_consequence(error))
        elif is_one_of_several():
            traceback.print_exc()
            say(f'error: {type(error).__name__}, with the traceback above', is_consequence(error))
        else:
            raise
        return _leave(getattr(error, 'exit_code', EXIT_ERROR))


def _reader_left() -> bool:
    """Whether nobody reads what is printed (``| head``), which is no fault; nothing is printed any more then."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # a notebook's
        return False
    poll = select.poll()
    poll.register(output, select.POLLOUT)
    left = any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    if left:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return left


def _leave_well(code: int) -> int:
    """Return the exit code; one of several processes ends here, after what others registered for the end.

    The interpreter's own end now and then finds a thread of gloo that still runs, and aborts: work that is done and
    saved would count as failed ("terminate called without an active exception").
    """
    if is_one_of_several():
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _leave(code: int) -> int:
    """Return the exit code; one of several processes ends at once, since its lost group would abort or wait."""
    if is_one_of_several():
        for child in multiprocessing.active_children():
            child.terminate()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def say(text: str, is_consequence: bool = False) -> None:
    """Print the last sentence of a process, or leave it to the launcher.

    Args:
        text (str): The sentence.
        is_consequence (bool): Whether the end of another process, or a signal, is behind it.
    """
    rank = os.environ.get('RANK')
    text = text if rank is None else f'[rank {rank}] {text}'
    file = os.environ.get(ERROR_FILE_VARIABLE)
    if rank is not None and file is not None:
        # The form that torchrun reads; it shows the message in its own report.
        record = {'message': text, 'timestamp': int(time.time()), 'is_consequence': is_consequence}
        with open(file, 'w', encoding='utf-8') as stream:
            json.dump(record, stream)
        if os.environ.get(LAUNCHER_VARIABLE) == '1':
            return
    print(text, file=sys.stderr, flush=True)
