r"""One convex combination of the tasks for all modalities: MGDA and its closed-form approximation (Boomda, 2025)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.gramian_weights import GramianReader
from mmda_ext.balancing.parts.simplex_solver import ZERO_POLICIES, SimplexSolver, SolverComparison
from mmda_ext.balancing.parts.weight_memory import WeightMemory
from mmda_ext.choices import choose

CONSTANT = ('uniform', 'fixed')


class MGDA(GramianReader):
    r"""Weights on the simplex from :math:`Q = \sum_m Q^m`, the same for every modality (Boomda Eq. 11-13, Theorem 1).

    .. math::
        \gamma = \arg\min_{\gamma \ge 0,\, \sum \gamma = 1} \gamma^T Q \gamma
        \qquad\text{or}\qquad
        \gamma_k = \frac{1 / Q_{kk}}{\sum_j 1 / Q_{jj}}\ \ (\texttt{'closed\_form'})

    The closed form drops the off-diagonal of :math:`Q`. It makes :math:`\gamma_k \lVert g_k \rVert^2` equal for all
    objectives, and is the MGDA solution only where :math:`Q` is diagonal: docs/methods/mgda.md.

    Args:
        solver (str): ``'closed_form'`` (never waits for the device), ``'exact'``, ``'arrowhead'`` (exact where only the
            last task overlaps the others), ``'frank_wolfe'``, ``'uniform'`` or ``'fixed'`` (no Gramian).
        zero_policy (str): An objective without gradient gets weight 0 (``'drop'``) or, as MGDA has it, all the weight
            (``'mgda'``), which switches the others off.
        max_ratio (float, optional): Cap of :math:`\max_j Q_{jj} / Q_{kk}` in the closed form.
        fixed (dict[str, float], optional): Task without its prefix -> weight, for ``solver='fixed'``.
        update_interval (int): As :class:`WeightMemory`. The Gramian is measured in every step all the same.
        momentum (float, optional): As :class:`WeightMemory`. With it, or an interval, the last :math:`\gamma` is part
            of the state.
        compare (int): In every n-th step (0: never; ``True``: in all) log :math:`\gamma^T Q \gamma` of the closed form
            and of the exact solution (``'frank_wolfe'`` beyond 8 objectives), which waits for the device.
        kwargs: As :class:`TaskWeights`: ``task_prefix``, ``tasks``, ``normalize``, and ``space``, ``'feature'``
            (MGDA-UB, as published) or ``'parameter'`` (MGDA).

    Raises:
        ValueError: If an option is unknown, or one that the solver does not read is given.

    Differences from the paper: ``'drop'``; an objective with a gradient that is not finite gets weight 0, the others
    equal ones, whatever came before, and such a step is not remembered. Under DDP all processes use the Gramian of all
    of them, so one gamma.
    """

    solvers = (*SimplexSolver.names, *CONSTANT)
    zero_policies = tuple(ZERO_POLICIES)
    #: With this task, without prefix, the others are compared in the logged cosines.
    fused = 'fused'

    def __init__(self,
                 solver: str = 'closed_form',
                 zero_policy: str = 'drop',
                 max_ratio: float | None = None,
                 fixed: Mapping[str, float] | None = None,
                 update_interval: int = 1,
                 momentum: float | None = None,
                 compare: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        constant = choose('solver', solver, self.solvers) in CONSTANT
        if (fixed is not None) != (solver == 'fixed'):
            raise ValueError(f'fixed={fixed!r} does not go with solver={solver!r}: give the weights with '
                             'solver=\'fixed\', and only there')
        self.memory = WeightMemory(update_interval, momentum)
        self.comparison = SolverComparison(int(compare), zero_policy)
        if constant and (self.memory.used or compare or max_ratio is not None or zero_policy != 'drop'):
            raise ValueError('zero_policy, max_ratio, update_interval, momentum and compare belong to solvers that '
                             f'read the Gramian, got solver={solver!r}: leave them out')
        self.solver = None if constant else SimplexSolver(solver, zero_policy, max_ratio)
        self.fixed = None if fixed is None else dict(fixed)
        self.needs = frozenset(() if constant else ('gramian', ))
        self._steps = 0

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """:math:`\\gamma`, ``(T, )``."""
        if self.solver is None:
            return inputs.ones().new_tensor(self._constants(inputs.tasks))
        assert inputs.gramian is not None
        Q = inputs.gramian.sum(0)
        gamma = self.memory.update(Q, inputs.tasks, self._steps, self.solver) if self.memory.used else self.solver(Q)
        self.describe(Q, gamma, inputs)
        self.diagnostics.update(self.comparison(Q, self._steps))
        self._steps += 1
        return gamma

    def _constants(self, tasks: tuple[str, ...]) -> list[float]:
        if self.fixed is None:
            return [1 / len(tasks)] * len(tasks)
        for task in tasks:
            if self.short(task) not in self.fixed:
                raise ValueError(f'fixed={self.fixed!r} has no weight for task {task!r}: add {self.short(task)!r}')
        return [self.fixed[self.short(task)] for task in tasks]

    def describe(self, Q: Tensor, gamma: Tensor, inputs: BalanceInputs) -> None:
        """What docs/methods/mgda.md says to watch; all scalars."""
        super().describe(Q, gamma, inputs)
        diagonal = torch.diagonal(Q)
        tiny = torch.finfo(Q.dtype).tiny
        largest = (Q - torch.diag(diagonal)).abs().amax()
        self.diagnostics['r'] = largest / diagonal.amin().clamp_min(tiny)
        last = inputs.column(self.task_prefix + self.fused)
        if last is not None:
            self.log('cosine', Q[last] / (diagonal.sqrt() * diagonal[last].sqrt()).clamp_min(tiny), inputs)
            del self.diagnostics[f'cosine_{self.fused}']

    def state_dict(self) -> dict[str, Any]:
        """The last gamma by task and the number of steps, where a later step depends on them."""
        if not self.memory.used and self.comparison.every < 2:
            return {}
        return {'steps': self._steps, 'gamma': dict(self.memory.gamma)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; one without a gamma (other options) starts afresh.

        Raises:
            ValueError: If the state is that of another balancer.
        """
        if set(state) - {'steps', 'gamma'}:
            super().load_state_dict(state)
        self._steps, self.memory.gamma = int(state.get('steps', 0)), dict(state.get('gamma', {}))
