"""Which averages of weights belong to the flat part of a validation loss (SWAD)."""

from typing import Any

from torch import Tensor
from torch.optim.swa_utils import get_swa_multi_avg_fn

Weights = dict[str, Tensor]


class RunningMean:
    """Mean of the weights that were added, on their device.

    Attributes:
        count (int): How many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self.weights: Weights = {}

    def add(self, weights: Weights) -> None:
        if not self.count:
            self.weights = {name: value.detach().clone() for name, value in weights.items()}
        else:
            get_swa_multi_avg_fn()(list(self.weights.values()), [value.detach() for value in weights.values()],
                                   self.count)
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        return {'count': self.count, 'weights': self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self.weights = state['count'], dict(state['weights'])


class LossValley:
    r"""The window of SWAD (Cha et al., NeurIPS 2021), from source validation losses :math:`v_e`.

    It opens at the first evaluation :math:`s` whose loss is the least of :math:`N_s` in a row, and closes before the
    first evaluation from which on :math:`N_e` in a row lie above the threshold:

    .. math:: \tau = \frac{1 + r}{N_s} \sum_{e=s}^{s+N_s-1} v_e

    The result is the plain mean of what was given at the evaluations inside.

    Args:
        converge (int): :math:`N_s`.
        tolerance (int): :math:`N_e`.
        ratio (float): :math:`r`.
    """

    def __init__(self, converge: int = 3, tolerance: int = 6, ratio: float = 0.3) -> None:
        self.converge, self.tolerance, self.ratio = converge, tolerance, ratio
        self.mean = RunningMean()
        self.threshold: float | None = None
        self.closed = False
        # Before the window opens the last N_s, afterwards those that are not judged yet.
        self._waiting: list[tuple[float, Weights]] = []

    def add(self, loss: float, weights: Weights) -> None:
        """Take in one evaluation: its loss, and the average of the weights since the one before."""
        if self.closed:
            return
        self._waiting.append((loss, weights))
        if self.threshold is None:
            self._waiting = self._waiting[-self.converge:]
            losses = [own for own, _ in self._waiting]
            if len(losses) < self.converge or min(losses) < losses[0]:
                return
            self.threshold = (1 + self.ratio) * sum(losses) / len(losses)
        while len(self._waiting) >= self.tolerance:
            self._judge_oldest()

    def finish(self) -> Weights:
        """The average of the window, which the end of the training closes; the last entry where none opened."""
        if self.threshold is None:
            return self._waiting[-1][1] if self._waiting else {}
        while self._waiting:
            self._judge_oldest()
        return self.mean.weights

    def _judge_oldest(self) -> None:
        assert self.threshold is not None
        if min(loss for loss, _ in self._waiting) > self.threshold:
            self.closed, self._waiting = True, []
        else:
            self.mean.add(self._waiting.pop(0)[1])

    def state_dict(self) -> dict[str, Any]:
        return {'mean': self.mean.state_dict(), 'threshold': self.threshold, 'closed': self.closed,
                'waiting': list(self._waiting)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean.load_state_dict(state['mean'])
        self.threshold, self.closed, self._waiting = state['threshold'], state['closed'], list(state['waiting'])
