r"""Reweighted and projected knowledge distillation between modalities (BALGRAD; Kwon et al., NAACL 2025)."""

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs, Balancer
from mmda_ext.choices import choose


class BalGrad(Balancer):
    r"""Let the weaker modality learn from the stronger one, and the task yield where it opposes that.

    With :math:`g_T` the gradient of the fused loss, :math:`g_{KL}^m` that of the divergence that moves modality
    :math:`m`, and :math:`L^m` the loss of its own head:

    .. math::
        \omega_m = \frac{L^m}{\sum_j L^j},\qquad g_{KL} = \sum_m \omega_m\, g_{KL}^m,\qquad
        g_T^\perp = g_T - \frac{\min(0, \langle g_T, g_{KL}\rangle)}{\lVert g_{KL}\rVert^2}\, g_{KL}

        G = g_T^\perp + \nabla \sum_m L^m + g_{KL}

    Needs :class:`MutualDistillation` (task ``kl``) and the losses of one head per modality, ``heads/<modality>``
    (``LocalClassification(task='heads', by_modality=True, balanced_heads=False)``).

    Args:
        weight (str): :math:`\omega` from the ``'loss'`` of each head, from the length of its gradient at the encoder,
            ``'gradnorm'``, or ``'uniform'``.
        scope (str): The inner product runs over the encoders together (``'shared'``) or ``'per_modality'``.
        space (str): ``'parameter'`` or ``'feature'`` (gradients of features, at the cost of a plain step).
        class_task (str): Task of the fused loss.
        kl_task (str): Task of the divergences.
        head_prefix (str): Tasks of the heads are this and the name of a modality.

    Raises:
        ValueError: If an option is unknown.

    Differences from the paper: there is no public code, and **the formula of** :math:`\omega` **is our reading**,
    unverified; more than two modalities are ours (the paper has two).
    """

    example = dict(kl_task='own_kl', head_prefix='own/')
    example_objectives = (
        dict(type='mmda_ext.LocalClassification', task='own', by_modality=True, balanced_heads=False),
        dict(type='mmda_ext.MutualDistillation', task='own_kl'))

    weightings = ('loss', 'gradnorm', 'uniform')
    scopes = ('shared', 'per_modality')

    def __init__(self,
                 weight: str = 'loss',
                 scope: str = 'shared',
                 space: str | None = None,
                 class_task: str = 'cls',
                 kl_task: str = 'kl',
                 head_prefix: str = 'heads/') -> None:
        super().__init__(space)
        self.weight = choose('weight', weight, self.weightings)
        self.scope = choose('scope', scope, self.scopes)
        self.class_task, self.kl_task, self.head_prefix = class_task, kl_task, head_prefix
        self.needs = frozenset(['gramian'] + ['losses'] * (weight == 'loss'))

    def balances(self, task: str) -> bool:
        """Fused loss and divergences, and the heads where they decide the weights; all others have weight 1."""
        return task in (self.class_task, self.kl_task) or (
            self.weight != 'uniform' and task.startswith(self.head_prefix))

    def weights(self, inputs: BalanceInputs) -> Tensor:
        """1 for the fused loss and the heads, and for the divergence of ``m`` what :math:`G` has of it, ``(M, T)``."""
        assert inputs.gramian is not None
        task, kl = self._column(inputs, self.class_task), self._column(inputs, self.kl_task)
        omega = self._omega(inputs)
        dot, norm = omega * inputs.gramian[:, task, kl], omega.square() * inputs.gramian[:, kl, kl]
        if self.scope == 'shared':
            dot, norm = dot.sum().expand_as(omega), norm.sum().expand_as(omega)
        conflict = dot < 0
        # A conflict implies a gradient of the divergence; the masked 1 only keeps 0/0 out of unused lanes.
        yielded = torch.where(conflict, dot, 0.0) / torch.where(conflict, norm, 1.0)
        self.diagnostics.update(omega=omega, conflict=conflict.to(omega), yielded=-yielded)
        return inputs.table({self.kl_task: omega * (1 - yielded)})

    def _omega(self, inputs: BalanceInputs) -> Tensor:
        """Shares of the modalities ``(M, )``, sum 1; equal where nothing is known."""
        modalities = range(len(inputs.modalities))
        one = inputs.ones()[:, 0]
        if self.weight == 'uniform':
            return one / len(modalities)
        columns = [self._column(inputs, self.head_prefix + name) for name in inputs.modalities]
        if self.weight == 'loss':
            assert inputs.losses is not None
            standing = torch.stack([inputs.losses[t] for t in columns]).to(one)
        else:
            assert inputs.gramian is not None
            standing = torch.stack([inputs.gramian[m, t, t] for m, t in zip(modalities, columns)]).sqrt()
        total = standing.sum()
        return torch.where(total > 0, standing, one) / torch.where(total > 0, total, float(len(modalities)))

    def _column(self, inputs: BalanceInputs, task: str) -> int:
        return inputs.needed(task, 'BalGrad', 'add mmda_ext.MutualDistillation, and in front of it mmda_ext.'
                             "LocalClassification with task='heads', by_modality=True, balanced_heads=False, to "
                             '`objectives`')
