"""A bar with the time that is left, for what takes a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(name: str, total: int, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show how much of ``total`` is done, on a terminal.

    Yields:
        Callable: To be called with the number that has been done since the last call.
    """
    if not shown:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn('left'), TimeRemainingColumn())
    console = Console(stderr=True)
    # Not `console.is_terminal`: a notebook claims to be one, and each state of the bar would be a line there.
    with Progress(*columns, console=console, disable=not console.file.isatty()) as progress:
        task = progress.add_task(name, total=total)
        yield lambda count: progress.advance(task, count)
