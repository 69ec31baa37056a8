"""Where the training stands. The one place that asks the runner's message hub, for all whose strength depends on it."""

from typing import NamedTuple

from mmengine.logging import MessageHub


class Progress(NamedTuple):
    """Counts of a run; ``None`` where no runner counts.

    Neither the number of forward calls nor an evaluation moves them, and a resumed run goes on where it stopped.

    Args:
        epoch (int | None): From 0.
        iteration (int | None): From 0.
        iterations (int | None): Length of the training.
    """

    epoch: int | None
    iteration: int | None
    iterations: int | None


def training_progress(hub: MessageHub | None = None) -> Progress:
    """What the runner of ``hub`` says, by default MMEngine's present one."""
    hub = hub or MessageHub.get_current_instance()
    return Progress(*(hub.get_info(key) for key in ('epoch', 'iter', 'max_iters')))
