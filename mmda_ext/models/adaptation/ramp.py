"""A weight that grows with the progress of the training (Ganin et al., JMLR 2016)."""

import logging
import math

from mmengine.logging import print_log

from mmda_ext.models.progress import training_progress


class Ramp:
    r""":math:`\lambda(p) = \frac{2 (hi - lo)}{1 + e^{-a p}} - (hi - lo) + lo`, from ``lo`` at :math:`p = 0` to ``hi``.

    The progress :math:`p` is that of the runner's iteration: neither the number of forward calls nor an evaluation
    moves it, and a resumed run goes on where it stopped.

    Args:
        a (float): Steepness, > 0.
        hi (float): Limit; reached up to :math:`10^{-4}` at ``a * p = 10``.
        lo (float): Value at the start. ``lo == hi`` is a constant.
        steps (int, optional): Number of iterations at which :math:`p = 1`; by default the length of the training. The
            public code of DALN has ``a=1, steps=1000``, that of CDAN ``a=10, steps=10000``.
        start (float): Progress in [0, 1) before which the weight stays at ``lo``; the rest is :math:`p` from 0 to 1.

    Raises:
        ValueError: If ``a`` or ``steps`` is not positive, or ``start`` out of range.
    """

    def __init__(self, a: float = 10.0, hi: float = 1.0, lo: float = 0.0, steps: int | None = None,
                 start: float = 0.0) -> None:
        for name, value in (('a', a), ('steps', steps)):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f'ramp: {name}={value!r} must be a positive number')
        if not 0 <= start < 1:
            raise ValueError(f'ramp: start={start!r} must be in [0, 1)')
        self.a, self.hi, self.lo, self.steps, self.start = a, hi, lo, steps, start
        self._said = False

    def __call__(self) -> float:
        """The weight of the current iteration."""
        return self.hi if self.lo == self.hi else self.at(max(0.0, self.progress()))

    @property
    def started(self) -> bool:
        """Whether the training is past ``start``."""
        return self.start == 0 or self.progress() >= 0

    def at(self, progress: float) -> float:
        """The weight at a progress of 0 or more."""
        span = self.hi - self.lo
        return 2 * span / (1 + math.exp(-self.a * progress)) - span + self.lo

    def progress(self) -> float:
        """0 at ``start``, 1 after ``steps``, negative before; infinite, which is said once, where no runner counts."""
        _, done, length = training_progress()
        steps = self.steps or length
        if done is not None and steps:
            return (done / steps - self.start) / (1 - self.start)
        if not self._said:
            print_log(f'the ramp cannot see the progress of the training, so its weight is hi={self.hi} throughout: '
                      'train with a Runner, or keep the infos `iter` and `max_iters` of the MessageHub up to date',
                      logger='current', level=logging.WARNING)
            self._said = True
        return math.inf
