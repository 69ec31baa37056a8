"""Ctrl-C, a scheduler's SIGTERM and the SIGHUP of a closed terminal end a tool alike: in order, and with a sentence."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

#: Signal -> what is said of it.
SIGNALS = {signal.SIGINT: 'interrupted', signal.SIGTERM: 'ended by SIGTERM',
           signal.SIGHUP: 'ended by SIGHUP (the terminal was closed)'}
#: Less than the 20 to 30 seconds after which sweeps, torchrun and Slurm kill what has not ended.
GRACE_S = 15.0


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end; whatever ends in order at a KeyboardInterrupt does so for all signals.

    Args:
        number (int): The signal.
        advice (str): How to go on.
    """

    def __init__(self, number: int, advice: str = '') -> None:
        super().__init__(SIGNALS[signal.Signals(number)] + advice)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number, as shells have it."""
        return 128 + self.number


def stop_behind(error: BaseException | None) -> Stopped | None:
    """The stop that an error was made of, if any; MMEngine turns one into a SyntaxError while it saves."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error if error is None or isinstance(error, Stopped) else Stopped(signal.SIGINT)


@contextmanager
def stopped_by_signals(grace_s: float | None = GRACE_S) -> Iterator[None]:
    """Raise :class:`Stopped` in the main thread at the first of the signals, and do not listen to further ones.

    A signal that the parent had ignored stays ignored (``nohup``, background jobs). Where Python drops the exception,
    as in a ``__del__``, it is raised again; a process that hangs ends after ``grace_s`` seconds all the same
    (None: never). Afterwards the former handlers are back, except in a process that is ending.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in former.items() if handler not in (signal.SIG_IGN, None)]
    stop, hook, uncaught = _Stop(grace_s), sys.unraisablehook, sys.excepthook
    for number in heard:
        signal.signal(number, stop)
    sys.unraisablehook, sys.excepthook = stop.dropped, stop.uncaught
    try:
        yield
    finally:
        stop.left = True
        if not stop.heard:
            sys.unraisablehook, sys.excepthook = hook, uncaught
            for number in heard:
                signal.signal(number, former[number])


class _Stop:
    """Handler of the signals in the process that made it, and in those that it forks."""

    def __init__(self, grace_s: float | None) -> None:
        self.heard = 0
        self.left = False
        self._grace_s = grace_s
        self._process = os.getpid()
        self._hook = sys.unraisablehook
        self._uncaught = sys.excepthook

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A forked data loader: its parent hears the same from the terminal, and ends it.
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif not self.heard:
            self.heard = number
            # Loaders that the same signal ends are no news, and torch would raise an error for each.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self._grace_s is not None:
                self._later(self._grace_s, self._end_now)
            raise Stopped(number)

    def dropped(self, unraisable: Any) -> None:
        """Hook for exceptions that cannot be raised where they occur: after a stop none of them is news."""
        if not self.heard:
            self._hook(unraisable)
        elif isinstance(unraisable.exc_value, Stopped):
            self._later(.05, self._again)

    def uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Hook for errors that end a thread: a forked data loader whose parent hung up has nothing to tell.

        The thread of ``multiprocessing.resource_sharer`` prints what its accept raises, which a parent that ends
        between its connect and its answer makes of every stop now and then.
        """
        if os.getpid() == self._process or not issubclass(kind, (ConnectionError, EOFError)):
            self._uncaught(kind, error, trace)

    def _again(self, number: int) -> None:
        self.heard = 0
        os.kill(self._process, number)

    def _later(self, seconds: float, call: Callable[[int], None]) -> None:
        timer = threading.Timer(seconds, call, [self.heard])
        timer.daemon = True
        timer.start()

    def _end_now(self, number: int) -> None:
        if self.left and threading.main_thread().is_alive():
            return  # whoever called the tool goes on, as a notebook or a test does
        print(f'{SIGNALS[signal.Signals(number)]}; it did not end in {self._grace_s:.0f} s and is killed',
              file=sys.stderr, flush=True)
        os._exit(128 + number)
