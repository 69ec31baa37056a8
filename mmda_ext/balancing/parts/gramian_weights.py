"""Balancers that need nothing but inner products."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.degenerate import solve_live
from mmda_ext.balancing.parts.task_weights import TaskWeights
from mmda_ext.choices import choose


class GramianReader(TaskWeights):
    """Logs what the Gramian of a step says, and counts the steps in which it is not finite.

    Args:
        kwargs: As :class:`TaskWeights`.
    """

    needs = frozenset({'gramian'})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._non_finite_steps = 0

    def describe(self, Q: Tensor, gamma: Tensor, inputs: BalanceInputs) -> None:
        """Log squared norms, the squared length of the combined gradient, and how many norms are not finite."""
        diagonal = torch.diagonal(Q, dim1=-2, dim2=-1)
        self.diagnostics.update(
            objective=torch.einsum('...i,...ij,...j->...', gamma, Q, gamma),
            non_finite=(~diagonal.isfinite()).sum().to(Q))
        self.log('squared_norm', diagonal, inputs)

    def notice(self, values: Mapping[str, float]) -> None:
        """Count the steps with a gradient that is not finite; say so once."""
        if not values.get('non_finite'):
            return
        if not self._non_finite_steps:
            warnings.warn('a balanced loss has a gradient that is not finite: its weight is 0 in such steps, those of '
                          'the others are equal (counted as balance/non_finite; said once)', stacklevel=2)
        self._non_finite_steps += 1

    @property
    def non_finite_steps(self) -> int:
        """Steps so far with a gradient that is not finite."""
        return self._non_finite_steps


class GramianWeights(GramianReader):
    r"""Weights from :math:`Q = \sum_m Q^m`; :meth:`rule` is the method.

    An objective without gradient gets weight 0 and the rule never sees it; with a gradient that is not finite it gets
    0 and the others equal weights; where no objective has a gradient all get :math:`1 / K`. Under DDP :math:`Q` is that
    of all processes, so all find the same weights.

    Args:
        scope (str): ``'shared'`` (one weight vector from :math:`\sum_m Q^m`) or ``'per_modality'`` (one for each from
            its own :math:`Q^m`).
        kwargs: As :class:`TaskWeights`.

    Raises:
        ValueError: If an option is unknown.
    """

    scopes = ('shared', 'per_modality')

    def __init__(self, scope: str = 'shared', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scope = choose('scope', scope, self.scopes)

    @abstractmethod
    def rule(self, Q: Tensor) -> Tensor:
        """Weights ``(K, )`` for ``Q`` ``(K, K)`` on the host, in float64, every objective with a gradient."""

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights ``(T, )``, or ``(M, T)`` with ``scope='per_modality'``."""
        assert inputs.gramian is not None
        Q = inputs.gramian if self.scope == 'per_modality' else inputs.gramian.sum(0)
        gamma = self.solve(Q)
        self.describe(Q, gamma, inputs)
        return gamma

    def solve(self, Q: Tensor) -> Tensor:
        """Apply the rule to each matrix of ``(..., K, K)`` among the objectives that have a gradient."""
        return solve_live(Q, self.rule)
