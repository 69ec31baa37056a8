"""Balancers whose weights learn beside the model: one number per task, with an Adam of its own."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.task_weights import TaskWeights


class LearnedWeights(TaskWeights):
    """Owns a value per task, what a method remembers of earlier steps, and the optimizer of the value.

    The state begins with the first step, which tells how many tasks there are, and is in the checkpoint. All processes
    see the same losses and inner products, so their states agree without being exchanged.

    Args:
        lr (float): Learning rate of the Adam of the values, > 0.
        weight_decay (float): Its L2 penalty, >= 0.
        kwargs: As :class:`TaskWeights`.

    Raises:
        ValueError: If a number is out of its range.
    """

    needs = frozenset({'losses'})
    #: First value of every task.
    start = 0.0

    def __init__(self, lr: float, weight_decay: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not lr > 0:
            raise ValueError(f'lr={lr!r} must be a number > 0')
        if not weight_decay >= 0:
            raise ValueError(f'weight_decay={weight_decay!r} must be a number >= 0')
        self.lr, self.weight_decay = lr, weight_decay
        self._tasks: tuple[str, ...] = ()
        self._memory: dict[str, Tensor] = {}
        self._optimizer: torch.optim.Adam | None = None

    @property
    def began(self) -> bool:
        """Whether there was a step before."""
        return bool(self._tasks)

    def prepare(self, inputs: BalanceInputs, **remembered: Tensor) -> dict[str, Tensor]:
        """The memory: ``'value'`` and, from the first step, what ``remembered`` says.

        Raises:
            ValueError: If the tasks are others than in the steps before, or the memory is that of another method.
        """
        assert inputs.losses is not None
        if self._tasks and self._tasks != inputs.tasks:
            raise ValueError(f'{type(self).__name__} has learned weights of {self._tasks}, this step has losses of '
                             f'{inputs.tasks}: let every step have the same balanced losses')
        if self._tasks and set(self._memory) != {'value', *remembered}:
            raise ValueError(f'{type(self).__name__} remembers {sorted({"value", *remembered})}, the checkpoint holds '
                             f'{sorted(self._memory)}: it was written with another balancer')
        if not self._tasks:
            losses = inputs.losses.to(torch.promote_types(inputs.losses.dtype, torch.float32))
            self._begin(inputs.tasks, dict(remembered, value=torch.full_like(losses, self.start)))
        elif self._memory['value'].device != inputs.losses.device:
            self._begin(self._tasks, {name: value.to(inputs.losses.device) for name, value in self._memory.items()},
                        self.state_dict()['moments'])
        return self._memory

    def learn(self, slope: Tensor) -> None:
        """One step of Adam against ``slope`` ``(T, )``; none where it is not finite."""
        assert self._optimizer is not None
        value = self._memory['value']
        value.grad = torch.where(slope.isfinite().all(), slope, 0.0).to(value)
        self._optimizer.step()

    def _begin(self, tasks: tuple[str, ...], memory: dict[str, Tensor],
               moments: dict[str, Tensor] | None = None) -> None:
        self._tasks, self._memory = tasks, {name: value.clone() for name, value in memory.items()}
        self._optimizer = torch.optim.Adam([self._memory['value']], lr=self.lr, weight_decay=self.weight_decay)
        if moments:
            # torch keeps the tensors that it is handed.
            state = {0: {name: value.clone() for name, value in moments.items()}}
            self._optimizer.load_state_dict({**self._optimizer.state_dict(), 'state': state})

    def state_dict(self) -> dict[str, Any]:
        """Task names, memory, and the moments of Adam; never empty, so that the state before step 1 can be restored."""
        moments = self._optimizer.state_dict()['state'].get(0, {}) if self._optimizer is not None else {}
        return dict(tasks=self._tasks, moments={name: value.clone() for name, value in moments.items()},
                    memory={name: value.clone() for name, value in self._memory.items()})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore; an empty state begins anew."""
        super().load_state_dict(state)
        self._tasks, self._memory, self._optimizer = (), {}, None
        if state.get('tasks'):
            self._begin(tuple(state['tasks']), state['memory'], state['moments'])
