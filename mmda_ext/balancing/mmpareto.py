r"""Pareto integration of the fused and the unimodal gradients (MMPareto; Wei, Hu, ICML 2024)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs, Balancer, task_names


class MMPareto(Balancer):
    r"""Add the gradients of the fused loss and of a modality's own head so that neither is opposed, and keep them long.

    With :math:`g` the gradient of the fused loss and :math:`u` that of the heads, in one encoder,

    .. math::
        k_g = \begin{cases} \tfrac12 & \langle g, u\rangle > 0\\
        \dfrac{\lVert u\rVert^2 - \langle g, u\rangle}{\lVert g - u\rVert^2} & \text{else}\end{cases},\qquad
        h = 2 k_g\, g + 2 (1 - k_g)\, u

    and for each parameter tensor :math:`t` of it

    .. math:: G_t = \gamma \max\Bigl(1, \frac{\lVert g_t + u_t\rVert}{\lVert h_t\rVert}\Bigr)\, h_t

    Heads get the plain gradient. Needs a head for each modality,
    ``LocalClassification(task='heads', loss_weight=1.0, balanced_heads=False)``.

    Args:
        gamma (float): Length of the result; 1.5 as released. It does nothing under Adam.
        tasks (Sequence[str]): The fused loss and that of the heads.

    Raises:
        ValueError: If ``gamma`` is not positive, there are not two tasks, or a step has no loss of one of them.

    Source: Wei, Hu, ICML 2024, and the authors' release. Differences: where one of the two has no gradient they are
    added with equal weights (0/0 there), and a tensor with :math:`h_t = 0` gets 0 instead of NaN.
    """

    needs = frozenset({'gramian', 'tensors'})
    spaces = ('parameter', )
    example = dict(tasks=('cls', 'own'))
    example_objectives = (dict(type='mmda_ext.LocalClassification', task='own', balanced_heads=False), )

    def __init__(self, gamma: float = 1.5, tasks: Sequence[str] = ('cls', 'heads')) -> None:
        super().__init__()
        if not gamma > 0:
            raise ValueError(f'gamma={gamma!r} must be a number > 0')
        self.gamma, self.tasks = gamma, task_names(tasks)
        if len(self.tasks) != 2:
            raise ValueError(f'tasks={self.tasks!r} must be two: the fused loss and that of the heads')

    def balances(self, task: str) -> bool:
        """The two tasks; all others keep weight 1."""
        return task in self.tasks

    def weights(self, inputs: BalanceInputs) -> Tensor:
        """:math:`2 k_g` and :math:`2 (1 - k_g)` for each modality, ``(M, T)``; branch-free."""
        assert inputs.gramian is not None
        fused, own = (inputs.needed(task, 'MMPareto', "add mmda_ext.LocalClassification with task='heads', "
                                    'balanced_heads=False, to `objectives`') for task in self.tasks)
        Q = inputs.gramian
        a, b, dot = Q[:, fused, fused], Q[:, own, own], Q[:, fused, own]
        solve = (dot <= 0) & (a > 0) & (b > 0)
        k = torch.where(solve, b - dot, 0.5) / torch.where(solve, a + b - 2 * dot, 1.0)
        self.diagnostics.update(k=k, conflict=solve.to(k))
        return inputs.table({self.tasks[0]: 2 * k, self.tasks[1]: 2 * (1 - k)})

    def combine(self, gradients: Sequence[Tensor | None], weights: Tensor) -> Tensor | None:
        """:math:`G_t` of one tensor; where only one task reaches it, that gradient is its sum, too."""
        direction = super().combine(gradients, weights)
        plain = super().combine(gradients, torch.ones_like(weights))
        if direction is None or plain is None:
            return None
        wide = torch.promote_types(direction.dtype, torch.float32)
        length, wanted = (torch.linalg.vector_norm(tensor, dtype=wide) for tensor in (direction, plain))
        longer = length > 0
        factor = torch.where(longer, wanted, 1.0) / torch.where(longer, length, 1.0)
        return direction * (self.gamma * factor.clamp_min(1)).to(direction.dtype)
