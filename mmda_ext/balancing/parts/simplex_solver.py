"""Weights on the simplex by a solver of choice, degenerate cases included, and two solvers side by side."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mmda_ext.balancing.parts.degenerate import settle, settle_on_dead, solve_live, states
from mmda_ext.balancing.parts.simplex import LARGEST, arrowhead, exact, frank_wolfe, inverse_squared_norms
from mmda_ext.choices import choose

ON_HOST = {'arrowhead': arrowhead, 'exact': exact, 'frank_wolfe': frank_wolfe}
ZERO_POLICIES = {'drop': settle, 'mgda': settle_on_dead}


@dataclass(frozen=True)
class SimplexSolver:
    r""":math:`\gamma` of ``Q`` ``(K, K)``, >= 0 and of sum 1.

    Args:
        name (str): ``'closed_form'`` (never looks at a value), ``'arrowhead'``, ``'exact'`` or ``'frank_wolfe'``.
        zero_policy (str): An objective without gradient gets weight 0 (``'drop'``) or all the weight (``'mgda'``).
        max_ratio (float, optional): Cap of :math:`\max_j Q_{jj} / Q_{kk}` in the closed form.

    Raises:
        ValueError: If an option is unknown, out of range, or one that the solver does not read.
    """

    name: str = 'closed_form'
    zero_policy: str = 'drop'
    max_ratio: float | None = None

    names: ClassVar[tuple[str, ...]] = ('closed_form', *ON_HOST)

    def __post_init__(self) -> None:
        choose('solver', self.name, self.names)
        choose('zero_policy', self.zero_policy, tuple(ZERO_POLICIES))
        if self.max_ratio is not None and (self.name != 'closed_form' or not self.max_ratio >= 1):
            raise ValueError(f'max_ratio={self.max_ratio!r} must be a number >= 1 and belongs to '
                             f'solver=\'closed_form\', got solver={self.name!r}: leave it out')

    def __call__(self, Q: Tensor) -> Tensor:
        """Weights ``(K, )``; in closed form without a look at a value."""
        decide = ZERO_POLICIES[self.zero_policy]
        if self.name != 'closed_form':
            return solve_live(Q, ON_HOST[self.name], decide)
        norms, finite, live = states(torch.diagonal(Q))
        return decide(self._closed_form(norms, live), finite, live)

    def _closed_form(self, norms: Tensor, live: Tensor) -> Tensor:
        largest = norms.amax()
        floor = largest / self.max_ratio if self.max_ratio else torch.zeros_like(largest)
        # Infinity is the branch-free form of "not there": its inverse is 0. If none is there, settling decides.
        capped = torch.where(live, torch.maximum(norms, floor), torch.inf)
        return inverse_squared_norms(torch.where(live.any(), capped, 1.0))


@dataclass(frozen=True)
class SolverComparison:
    r"""The value :math:`\gamma^T Q \gamma` that the closed form reaches beside the smallest one.

    Args:
        every (int): Compare in every n-th step; 0: never.
        zero_policy (str): As :class:`SimplexSolver`, of both sides.

    Raises:
        ValueError: If ``every`` is negative.
    """

    every: int
    zero_policy: str = 'drop'

    def __post_init__(self) -> None:
        if self.every < 0:
            raise ValueError(f'compare={self.every!r} must be at least 0')

    def __call__(self, Q: Tensor, step: int) -> dict[str, Tensor]:
        """``objective_closed_form`` and ``objective_exact``; nothing in a step that is not compared."""
        if not self.every or step % self.every:
            return {}
        best = 'exact' if len(Q) <= LARGEST else 'frank_wolfe'
        gammas = {name: SimplexSolver(solver, self.zero_policy)(Q)
                  for name, solver in (('closed_form', 'closed_form'), ('exact', best))}
        return {f'objective_{name}': gamma @ Q @ gamma for name, gamma in gammas.items()}
