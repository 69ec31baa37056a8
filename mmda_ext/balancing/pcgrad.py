r"""Projecting Conflicting Gradients (Yu et al., NeurIPS 2020), on inner products alone."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.draws import Draws
from mmda_ext.balancing.parts.task_weights import TaskWeights
from mmda_ext.choices import choose


class PCGrad(TaskWeights):
    r"""Remove from each task's gradient what opposes another's, then add all of them up (PCGrad, Algorithm 1).

    Start with :math:`g_i' = g_i`; for the other tasks :math:`j` in random order,

    .. math::
        g_i' \leftarrow g_i' - \frac{\langle g_i', g_j\rangle}{\lVert g_j\rVert^2}\, g_j
        \quad\text{if}\quad \langle g_i', g_j\rangle < 0,\qquad G = \sum_i g_i'

    against the *original* :math:`g_j`. Every :math:`g_i'` is a combination of the :math:`g_j`, so the Gramian says it
    all: the coefficients :math:`w_i` start as unit vectors and :math:`w_{ij}` loses :math:`(Q w_i)_j / Q_{jj}`.

    Args:
        scope (str): ``'per_modality'`` (each encoder has its own conflicts, as in GMP's ablation) or ``'shared'``
            (inner products over all encoders together, as published for shared parameters).
        seed (int): Of the random orders, the same on all processes. One order per task and step serves all modalities;
            with two tasks it plays no part.
        task_prefix (str): As :class:`TaskWeights`; by default all tasks are balanced.
        space (str): ``'parameter'`` (as published) or ``'feature'`` (an approximation at the cost of a plain step).
        kwargs: As :class:`TaskWeights`: ``tasks``, ``normalize`` (the sum is the number of tasks or more).

    Raises:
        ValueError: If an option is unknown.

    Differences from the paper: a zero gradient is left alone instead of adding 1e-8 to its squared length.
    """

    needs = frozenset({'gramian'})
    space = 'parameter'
    scopes = ('per_modality', 'shared')

    def __init__(self,
                 scope: str = 'per_modality',
                 seed: int = 0,
                 task_prefix: str = '',
                 space: str | None = None,
                 **kwargs: Any) -> None:
        super().__init__(task_prefix=task_prefix, space=space, **kwargs)
        self.scope = choose('scope', scope, self.scopes)
        self.draws = Draws(seed)

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Sums of the :math:`w_i`, ``(M, T)`` or ``(T, )``; branch-free, so nothing waits for the device."""
        assert inputs.gramian is not None
        self.draws.next_step()
        Q = inputs.gramian if self.scope == 'per_modality' else inputs.gramian.sum(0, keepdim=True)
        weights = torch.stack([_project(Q, i, order) for i, order in enumerate(self._orders(len(inputs.tasks)))]).sum(0)
        self.diagnostics['conflicts'] = ((Q < 0).sum((1, 2)) / 2).to(Q).expand(len(inputs.modalities))
        return weights if self.scope == 'per_modality' else weights[0]

    def _orders(self, count: int) -> list[list[int]]:
        """For each task, the others in random order."""
        generator = self.draws.on(torch.device('cpu'))
        orders = [torch.randperm(count, generator=generator, device='cpu').tolist() for _ in range(count)]
        return [[j for j in order if j != i] for i, order in enumerate(orders)]

    def state_dict(self) -> dict[str, Any]:
        """Where the random orders stand."""
        return self.draws.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.draws.load_state_dict(state)


def _project(Q: Tensor, i: int, order: Sequence[int]) -> Tensor:
    """Row :math:`w_i` for each modality, ``(M, T)``: task ``i`` without what opposes the tasks of ``order``."""
    w = torch.zeros_like(Q[:, i])
    w[:, i] = 1
    for j in order:
        dot = (Q[:, j] * w).sum(1)
        conflict = dot < 0
        w[:, j] = w[:, j] - torch.where(conflict, dot, 0.0) / torch.where(conflict, Q[:, j, j], 1.0)
    return w
