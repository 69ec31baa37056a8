"""Dynamic weight average: tasks whose loss falls slowly get more weight (Liu, Johns and Davison, CVPR 2019)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.task_weights import TaskWeights


class DWA(TaskWeights):
    r"""Softmax of the ratios of the mean losses of the last two epochs (arXiv 1803.10704, Eq. 7).

    .. math::
        r_k = \frac{\bar L_k(e - 1)}{\bar L_k(e - 2)},\qquad w_k = K \frac{e^{r_k / T}}{\sum_j e^{r_j / T}}

    All ones in the first two epochs.

    Args:
        temperature (float): :math:`T` > 0; large values give equal weights.
        period (int, optional): Optimizer steps that count as an epoch. Default: the epochs of the training loop; needed
            with MMEngine's ``IterBasedTrainLoop``, whose epoch never changes.
        kwargs: As :class:`TaskWeights`: ``normalize``, ``task_prefix``, ``tasks``.

    Raises:
        ValueError: If a number is out of its range.

    Differences from the paper: the weights act at the encoders, the heads train on the unweighted losses; steps with a
    loss that is not finite are left out of the means.
    """

    example = dict(period=1)

    needs = frozenset({'losses'})

    def __init__(self, temperature: float = 2.0, period: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not temperature > 0:
            raise ValueError(f'temperature={temperature!r} must be a number > 0')
        if period is not None and (not isinstance(period, int) or period < 1):
            raise ValueError(f'period={period!r} must be a whole number of steps >= 1, or None for epochs')
        self.temperature, self.period = temperature, period
        self._tasks: tuple[str, ...] = ()
        self._epoch: int | None = None
        self._steps = 0
        self._sums = torch.zeros(1)
        self._means: list[Tensor] = []

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights ``(T, )``, sum T.

        Raises:
            ValueError: If neither ``period`` nor the training loop says what an epoch is, or tasks change.
        """
        assert inputs.losses is not None
        epoch = self._steps // self.period if self.period else inputs.epoch
        if epoch is None:
            raise ValueError('DWA compares epochs, and the training loop counts none: give period=<steps>')
        if self._tasks not in ((), inputs.tasks):
            raise ValueError(f'DWA has mean losses of {self._tasks}, this step has losses of {inputs.tasks}: let every '
                             'step have the same balanced losses')
        if epoch != self._epoch:
            self._turn(epoch, inputs)
        self._means = [mean.to(inputs.losses.device) for mean in self._means]
        finite = inputs.losses.isfinite().all().to(inputs.losses)
        self._sums = self._sums.to(inputs.losses) + torch.cat(
            [torch.where(finite > 0, inputs.losses, 0.0), finite.reshape(1)])
        self._steps += 1
        if len(self._means) < 2:
            return torch.ones_like(inputs.losses)
        before, last = self._means
        rates = (last.clamp_min(0) + epsilons.LOSS) / (before.clamp_min(0) + epsilons.LOSS)
        return len(rates) * torch.softmax(rates / self.temperature, dim=0)

    def _turn(self, epoch: int, inputs: BalanceInputs) -> None:
        """Keep the mean of the epoch that ended, and begin another."""
        if self._tasks:
            self._means = [*self._means, self._sums[:-1] / self._sums[-1].clamp_min(1)][-2:]
        self._tasks, self._epoch = inputs.tasks, epoch
        self._sums = torch.zeros(len(inputs.tasks) + 1)

    def state_dict(self) -> dict[str, Any]:
        """Means of the last two epochs; sums (the last entry counts steps) and number of the present one."""
        return dict(tasks=self._tasks, epoch=self._epoch, steps=self._steps, sums=self._sums.clone(),
                    means=[mean.clone() for mean in self._means])

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore; an empty state begins anew."""
        super().load_state_dict(state)
        self._tasks, self._epoch, self._steps = tuple(state.get('tasks', ())), state.get('epoch'), state.get('steps', 0)
        self._sums = state.get('sums', torch.zeros(1)).clone()
        self._means = [mean.clone() for mean in state.get('means', ())]
