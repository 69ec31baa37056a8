r"""One convex combination of the tasks for all modalities: MGDA and its closed-form approximation (Boomda, 2025)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs, choose
from mmda_ext.balancing.shared import GramianWeights, states
from mmda_ext.balancing.solvers import arrowhead, exact, frank_wolfe, inverse_squared_norms

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
        task_prefix (str): Tasks whose names start so are balanced.
        fused (str): Task, without prefix, with which the others are compared in the logged cosines.
        space (str): ``'feature'`` (MGDA-UB, as published) or ``'parameter'`` (MGDA).

    Raises:
        ValueError: If an option is unknown, or one that the solver does not read is given.

    Differences from the paper: ``'drop'``; an objective with a gradient that is not finite gets weight 0, the others
    equal ones. Under DDP all processes use the Gramian of all of them, so one gamma.
    """

    solvers = ('closed_form', 'arrowhead', 'exact', 'frank_wolfe', 'uniform', 'fixed')
    zero_policies = ('drop', 'mgda')

    def __init__(self,
                 solver: str = 'closed_form',
                 zero_policy: str = 'drop',
                 max_ratio: float | None = None,
                 fixed: Mapping[str, float] | None = None,
                 task_prefix: str = 'align/',
                 fused: str = 'fused',
                 space: str | None = None) -> None:
        super().__init__(task_prefix=task_prefix, space=space)
        self.solver = choose('solver', solver, self.solvers)
        self.zero_policy = choose('zero_policy', zero_policy, self.zero_policies)
        if max_ratio is not None and (solver != 'closed_form' or not max_ratio >= 1):
            raise ValueError(f'max_ratio={max_ratio!r} must be a number >= 1 and belongs to solver=\'closed_form\', '
                             f'got solver={solver!r}: leave it out')
        if (fixed is not None) != (solver == 'fixed'):
            raise ValueError(f'fixed={fixed!r} does not go with solver={solver!r}: give the weights with '
                             'solver=\'fixed\', and only there')
        self.max_ratio, self.fixed = max_ratio, dict(fixed or {})
        self.fused = fused
        self.needs = frozenset(() if solver in ('uniform', 'fixed') else ('gramian', ))

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """:math:`\\gamma`, ``(T, )``."""
        if inputs.gramian is None or not self.needs:
            return inputs.ones().new_tensor(self._constants(inputs.tasks))
        return super().task_weights(inputs)

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
