"""Where the training stands. The one place that asks the runner's message hub, for all whose strength depends on it."""

from typing import NamedTuple

from mmengine.logging import MessageHub


class Progress(NamedTuple):
    """Counts of a run, from 0; ``None`` where no runner counts.

    Neither the number of forward calls nor an evaluation moves them, and a resumed run goes on where it stopped.
    """

    epoch: int | None
    iteration: int | None
    iterations: int | None
    """Length of the training."""


def progress() -> Progress:
    """What MMEngine's present runner says."""
    hub = MessageHub.get_current_instance()
    return Progress(*(hub.get_info(key) for key in ('epoch', 'iter', 'max_iters')))
