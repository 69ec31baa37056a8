r"""One convex combination of the tasks for all modalities: MGDA and its closed-form approximation (Boomda, 2025)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs, choose
from mmda_ext.balancing.parts.gramian_weights import GramianWeights, states
from mmda_ext.balancing.parts.simplex import LARGEST, arrowhead, exact, frank_wolfe, inverse_squared_norms

HOST_SOLVERS = {'exact': exact, 'arrowhead': arrowhead, 'frank_wolfe': frank_wolfe}


class MGDA(GramianWeights):
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
        update_interval (int): Solve in every k-th step, and keep :math:`\gamma` in between. The Gramian is measured in
            every step all the same.
        momentum (float, optional): :math:`\mu` of :math:`\gamma \leftarrow \mu \gamma + (1 - \mu) \gamma_{new}` at
            each update after the first. With it, or an interval, the last :math:`\gamma` is part of the state.
        compare (int): In every n-th step (0: never; ``True``: in all) log :math:`\gamma^T Q \gamma` of the closed form
            and of the exact solution (``'frank_wolfe'`` beyond 8 objectives), which waits for the device.
        task_prefix (str): Tasks whose names start so are balanced.
        tasks (Sequence[str], optional): Balance exactly these tasks instead.
        fused (str): Task, without prefix, with which the others are compared in the logged cosines.
        space (str): ``'feature'`` (MGDA-UB, as published) or ``'parameter'`` (MGDA).

    Raises:
        ValueError: If an option is unknown, or one that the solver does not read is given.

    Differences from the paper: ``'drop'``; an objective with a gradient that is not finite gets weight 0, the others
    equal ones, whatever came before, and such a step is not remembered. Under DDP all processes use the Gramian of all
    of them, so one gamma.
    """

    solvers = ('closed_form', 'arrowhead', 'exact', 'frank_wolfe', 'uniform', 'fixed')
    zero_policies = ('drop', 'mgda')
    space = 'feature'

    def __init__(self,
                 solver: str = 'closed_form',
                 zero_policy: str = 'drop',
                 max_ratio: float | None = None,
                 fixed: Mapping[str, float] | None = None,
                 update_interval: int = 1,
                 momentum: float | None = None,
                 compare: int = 0,
                 task_prefix: str = 'align/',
                 tasks: Sequence[str] | None = None,
                 fused: str = 'fused',
                 space: str | None = None) -> None:
        super().__init__(task_prefix=task_prefix, tasks=tasks, space=space)
        self.solver = choose('solver', solver, self.solvers)
        self.zero_policy = choose('zero_policy', zero_policy, self.zero_policies)
        if (fixed is not None) != (solver == 'fixed'):
            raise ValueError(f'fixed={fixed!r} does not go with solver={solver!r}: give the weights with '
                             'solver=\'fixed\', and only there')
        self.max_ratio, self.fixed, self.fused = max_ratio, dict(fixed or {}), fused
        self.update_interval, self.momentum, self.compare = update_interval, momentum, int(compare)
        self._check_options()
        self.needs = frozenset(() if solver in ('uniform', 'fixed') else ('gramian', ))
        self._steps = 0
        self._last: dict[str, Tensor] = {}

    def _check_options(self) -> None:
        """Refuse numbers out of range, and options that the solver does not read."""
        if self.update_interval < 1 or self.compare < 0 or not 0 <= (self.momentum or 0) < 1:
            raise ValueError(f'update_interval={self.update_interval!r} must be at least 1, momentum={self.momentum!r} '
                             f'None or in [0, 1), and compare={self.compare!r} at least 0')
        if self.solver in ('uniform', 'fixed') and (self._remembers or self.compare):
            raise ValueError(f'update_interval, momentum and compare belong to solvers that read the Gramian, got '
                             f'solver={self.solver!r}: leave them out')
        if self.max_ratio is not None and (self.solver != 'closed_form' or not self.max_ratio >= 1):
            raise ValueError(f'max_ratio={self.max_ratio!r} must be a number >= 1 and belongs to '
                             f'solver=\'closed_form\', got solver={self.solver!r}: leave it out')

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """:math:`\\gamma`, ``(T, )``."""
        if inputs.gramian is None or not self.needs:
            return inputs.ones().new_tensor(self._constants(inputs.tasks))
        Q = inputs.gramian.sum(0)
        gamma = self._update(Q, inputs.tasks) if self._remembers else self.solve(Q)
        self.describe(Q, gamma, inputs.tasks)
        self._contrast(Q)
        self._steps += 1
        return gamma

    @property
    def _remembers(self) -> bool:
        return self.update_interval > 1 or self.momentum is not None

    def state_dict(self) -> dict[str, Any]:
        """The last gamma by task and the number of steps, where a later step depends on them."""
        if not self._remembers and self.compare < 2:
            return {}
        return {'steps': self._steps, 'gamma': dict(self._last)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; one without a gamma (other options) starts afresh.

        Raises:
            ValueError: If the state is that of another balancer.
        """
        if set(state) - {'steps', 'gamma'}:
            super().load_state_dict(state)
        self._steps, self._last = int(state.get('steps', 0)), dict(state.get('gamma', {}))

    def _update(self, Q: Tensor, tasks: tuple[str, ...]) -> Tensor:
        """Gamma of this step with the options of time; a gradient that is not finite neither counts nor is used."""
        known = tuple(self._last) == tasks
        previous = torch.full_like(Q[0], 1 / len(Q))
        if known:
            previous = torch.stack([self._last[task].to(Q) for task in tasks])
        gamma = previous
        if not known or self._steps % self.update_interval == 0:
            fresh = self.solve(Q)
            gamma = torch.lerp(fresh, previous, self.momentum) if known and self.momentum is not None else fresh
        finite = torch.diagonal(Q).isfinite()
        self._last = dict(zip(tasks, torch.where(finite.all(), gamma, previous)))
        return torch.where(finite.all(), gamma, self.settle(torch.ones_like(gamma), finite, finite))

    def _constants(self, tasks: tuple[str, ...]) -> list[float]:
        if self.solver == 'uniform':
            return [1 / len(tasks)] * len(tasks)
        missing = [task for task in tasks if self.short(task) not in self.fixed]
        if missing:
            raise ValueError(f'fixed={self.fixed!r} has no weight for task {missing[0]!r}: add '
                             f'{self.short(missing[0])!r}')
        return [self.fixed[self.short(task)] for task in tasks]

    def solve(self, Q: Tensor) -> Tensor:
        """:math:`\\gamma` of ``Q`` ``(K, K)``; in closed form without a look at a value."""
        if self.solver != 'closed_form':
            return super().solve(Q)
        norms, finite, live = states(torch.diagonal(Q))
        return self.settle(self._closed_form(norms, live), finite, live)

    def rule(self, Q: Tensor) -> Tensor:
        """:math:`\\gamma` by the solver."""
        return HOST_SOLVERS[self.solver](Q)

    def _closed_form(self, norms: Tensor, live: Tensor) -> Tensor:
        largest = norms.amax()
        floor = largest / self.max_ratio if self.max_ratio else torch.zeros_like(largest)
        # Infinity is the branch-free form of "not there": its inverse is 0. If none is there, settle decides.
        capped = torch.where(live, torch.maximum(norms, floor), torch.inf)
        return inverse_squared_norms(torch.where(live.any(), capped, 1.0))

    def settle(self, x: Tensor, finite: Tensor, live: Tensor) -> Tensor:
        """Degenerate cases, branch-free."""
        if self.zero_policy == 'mgda':
            dead = (~live).to(x)
            x = torch.where(live.all(), x, dead / dead.sum().clamp_min(1))
        return super().settle(x, finite, live)

    def describe(self, Q: Tensor, gamma: Tensor, tasks: tuple[str, ...]) -> None:
        """What docs/methods/mgda.md says to watch; all scalars."""
        super().describe(Q, gamma, tasks)
        diagonal = torch.diagonal(Q)
        tiny = torch.finfo(Q.dtype).tiny
        largest = (Q - torch.diag(diagonal)).abs().amax()
        self.diagnostics['r'] = largest / diagonal.amin().clamp_min(tiny)
        if self.task_prefix + self.fused in tasks:
            last = tasks.index(self.task_prefix + self.fused)
            cosines = Q[last] / (diagonal.sqrt() * diagonal[last].sqrt()).clamp_min(tiny)
            self.diagnostics.update(
                {f'cosine_{self.short(task)}': cosines[t] for t, task in enumerate(tasks) if t != last})

    def _contrast(self, Q: Tensor) -> None:
        """The value that the closed form reaches beside the smallest one."""
        if not self.compare or self._steps % self.compare:
            return
        best = 'exact' if len(Q) <= LARGEST else 'frank_wolfe'
        for name, solver in (('closed_form', 'closed_form'), ('exact', best)):
            gamma = MGDA(solver, self.zero_policy).solve(Q)
            self.diagnostics[f'objective_{name}'] = gamma @ Q @ gamma
