"""A weight that jumps once in a training."""

import logging
import math

from mmengine.logging import print_log

from mmda_ext.models.progress import training_progress


class Jump:
    """A weight of 1 up to a share of the training, and another one from there on.

    Until then the classifier is learnt; a strong penalty from the first step would keep it from learning anything. A
    resumed run goes on where it stopped. :class:`~mmda_ext.engine.hooks.FreshOptimizerHook` empties the memory of the
    optimizer at that step.

    Args:
        begin (float): Share of the iterations in [0, 1) after which the other weight holds.
        weight (float): The other weight; one of 1 or less holds from the start.
        owner (str): Of the options, for messages.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(self, begin: float, weight: float, owner: str) -> None:
        if isinstance(begin, bool) or not isinstance(begin, (int, float)) or not 0 <= begin < 1:
            raise ValueError(f'{owner}: begin={begin!r} must be a share of the training, at least 0 and below 1')
        self.begin, self.weight, self.owner = begin, weight, owner
        self._said = False

    def place(self, iterations: int) -> int:
        """The first iteration with the other weight, from 0."""
        return math.ceil(self.begin * iterations) if self.weight > 1 else 0

    def __call__(self) -> float:
        """The weight of the current iteration; the other one, which is said once, where no runner counts."""
        _, done, iterations = training_progress()
        if done is not None and iterations:
            return 1.0 if done < self.place(iterations) else self.weight
        if self.place(1) and not self._said:
            print_log(f'{self.owner} cannot see the progress of the training, so its weight is {self.weight} '
                      'throughout: train with a Runner, or keep the infos `iter` and `max_iters` of the MessageHub up '
                      'to date', logger='current', level=logging.WARNING)
            self._said = True
        return self.weight
