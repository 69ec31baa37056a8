"""What the stack says that a user can do nothing about."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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


@contextmanager
def held_back_start() -> Iterator[Callable[[], None]]:
    """Keep what the runner tells of machine, config and hooks off the screen until the run has begun.

    MMEngine (0.10.7) prints all of it, hundreds of lines, before it looks for data and weights. The log file has it at
    once. A start that fails shows the warnings only.

    Yields:
        Callable: To be called when the run begins: shows what was held back, in order, and holds back no more.
    """
    from mmengine.runner import Runner
    build = Runner.build_logger
    held: list[_Held] = []

    def build_logger(self: Runner, *args: Any, **kwargs: Any) -> logging.Logger:
        logger = build(self, *args, **kwargs)
        held.extend(_Held(handler) for handler in logger.handlers if type(handler) is logging.StreamHandler)
        return logger

    def release(level: int = logging.NOTSET) -> None:
        for one in held:
            one.release(level)

    Runner.build_logger = build_logger
    try:
        yield release
    finally:
        Runner.build_logger = build
        release(logging.WARNING)


class _Held(logging.Filter):
    """The records that a handler has not shown yet."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self.handler = handler
        self.records: list[logging.LogRecord] | None = []
        handler.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        if self.records is None:
            return True
        self.records.append(record)
        return False

    def release(self, level: int) -> None:
        """Show what is of this level or above, and hold back no more."""
        records, self.records = self.records or [], None
        for record in records:
            if record.levelno >= level:
                # Not `handle`: the filter against repeated warnings has seen it.
                self.handler.emit(record)
