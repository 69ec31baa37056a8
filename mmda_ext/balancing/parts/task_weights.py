"""Balancers that think in tasks: one weight for each, the same for all modalities unless they say otherwise."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs, Balancer, task_names


class TaskWeights(Balancer):
    """Chooses tasks by name, fills the table ``(M, T)`` and logs; :meth:`task_weights` is the method.

    The weights act on the gradients of the encoders. Heads keep the plain gradient of every loss, unlike in code that
    multiplies the losses themselves: a head is not shared, so there is nothing to balance in it.

    Args:
        task_prefix (str): Tasks whose names start so are balanced; ``''`` balances all.
        tasks (Sequence[str], optional): Balance exactly these tasks instead.
        normalize (bool): Divide the weights by their sum, where it is positive.
        space (str, optional): ``'feature'`` or ``'parameter'``, see :class:`Balancer`.

    Raises:
        ValueError: If ``tasks`` is a string or empty.
    """

    space = 'feature'

    def __init__(self,
                 task_prefix: str = 'align/',
                 tasks: Sequence[str] | None = None,
                 normalize: bool = False,
                 space: str | None = None) -> None:
        super().__init__(space)
        self.task_prefix, self.normalize = task_prefix, normalize
        self.tasks = None if tasks is None else task_names(tasks)

    def balances(self, task: str) -> bool:
        """The named tasks, or those that start with the prefix; all others keep weight 1."""
        return task.startswith(self.task_prefix) if self.tasks is None else task in self.tasks

    def weights(self, inputs: BalanceInputs) -> Tensor:
        """The weight of each task in every row, ``(M, T)``."""
        table = inputs.ones()
        if not inputs.tasks:
            return table
        gamma = self.task_weights(inputs).to(table)
        if self.normalize:
            total = gamma.sum(-1, keepdim=True)
            gamma = torch.where(total > 0, gamma / total, gamma)
        if gamma.dim() == 1:
            self.log('gamma', gamma, inputs)
        return gamma.expand_as(table).clone()

    @abstractmethod
    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights ``(T, )``, or ``(M, T)`` where modalities differ."""

    def log(self, name: str, values: Tensor, inputs: BalanceInputs) -> None:
        """Log ``values`` ``(..., T)`` as ``<name>_<task>``, the task without its prefix."""
        self.diagnostics.update({f'{name}_{self.short(task)}': values[..., t] for t, task in enumerate(inputs.tasks)})

    def short(self, task: str) -> str:
        """The name of a task in the log."""
        return task.removeprefix(self.task_prefix)
