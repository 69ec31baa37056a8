r"""Gradient Modulation and Projection (Li et al., AAAI 2026): two scalars per modality.

With the raw gradients :math:`g_c, g_d` of one modality (classification and reversed domain loss) and
:math:`a=\lVert g_c\rVert^2,\ b=\lVert g_d\rVert^2,\ c=\langle g_c, g_d\rangle`, every rule of the paper writes
:math:`G = A\, g_c + B\, g_d`.
"""

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.base import BalanceInputs, Balancer
from mmda_ext.balancing.parts.modulation import suppress
from mmda_ext.choices import choose
from mmda_ext.confidence import confidence_ratio


class GMP(Balancer):
    r"""Modulate each task's gradient by modality, then project where the tasks conflict (paper Eq. 5-15).

    .. math::
        \rho^m = \frac{Q^m}{\operatorname{mean}_{j\ne m} Q^j},\qquad
        \sigma^m = \frac{\operatorname{mean}_{j\ne m} K^j}{K^m},\qquad
        \Gamma^m = \rho^m / \sigma^m

        k = 1 - \tanh(\alpha_k \rho)\ \text{if}\ \rho > 1\ \text{else}\ 1,\qquad
        p = 1 - \tanh(\alpha_p \sigma)\ \text{if}\ \sigma > 1\ \text{else}\ 1

    No conflict (:math:`c \ge 0`): :math:`(A, B) = (k, p)`. Conflict with :math:`\Gamma \ge 1` projects the
    classification gradient, :math:`(k,\ p - k c/b)`; with :math:`\Gamma < 1` the domain gradient,
    :math:`(k - p c/a,\ p)`. Coefficients cancel inside the projection, so raw inner products suffice.

    ``modulation='none'`` or ``projection='none'`` switch a half off; with ``projection='none'`` no Gramian is needed
    and a step costs one encoder backward pass. Without the domain task (one source domain) only the modulation of
    the classification gradient remains.

    Args:
        alpha_k (float): Strength of the modulation of the classification gradient, >= 0.
        alpha_p (float): Strength of the modulation of the domain gradient, >= 0.
        modulation (str): ``'decoupled'`` (k and p), ``'unified'`` (k for both), ``'class_only'`` (k),
            ``'domain_only'`` (p) or ``'none'``.
        projection (str): Under conflict, project ``'adaptive'`` (by Gamma), always ``'class'``, always ``'domain'``,
            ``'both'`` (of two tasks, :class:`PCGrad`'s), ``'reverse'`` (adaptive, swapped) or ``'none'``.
        space (str): ``'parameter'`` (as published) or ``'feature'`` (inner products of feature gradients: an
            approximation at the cost of a plain step).
        smooth (bool): ``1 - tanh(alpha (ratio - 1))`` instead, continuous at ratio 1. Not in the paper.
        domain_floor (float): Smallest mean domain confidence that counts; lower ones are taken for it. One over the
            number of source domains is chance, below which a modality is no more invariant: without a floor, as
            published, a discriminator that is wrong throughout counts as the best. Not in the paper.
        class_task (str): Name of the classification task.
        domain_task (str): Name of the adversarial task, whose gradient arrives reversed and times lambda.

    Raises:
        ValueError: If an option is unknown or out of range.

    Differences from the paper: more than two modalities compare with the mean of the others, as in the first author's
    release; the tie Gamma = 1 projects classification.
    """

    modulations = ('decoupled', 'unified', 'class_only', 'domain_only', 'none')
    projections = ('adaptive', 'class', 'domain', 'both', 'reverse', 'none')

    def __init__(self,
                 alpha_k: float = 0.5,
                 alpha_p: float = 0.5,
                 modulation: str = 'decoupled',
                 projection: str = 'adaptive',
                 space: str = 'parameter',
                 smooth: bool = False,
                 domain_floor: float = 0.0,
                 class_task: str = 'cls',
                 domain_task: str = 'domain') -> None:
        super().__init__(space)
        for name, value in (('alpha_k', alpha_k), ('alpha_p', alpha_p)):
            if not value >= 0:
                raise ValueError(f'{name}={value!r} must be a number >= 0')
        if not 0 <= domain_floor <= 1:
            raise ValueError(f'domain_floor={domain_floor!r} must be a probability, such as one over the number of '
                             'source domains')
        self.alpha_k, self.alpha_p, self.smooth, self.domain_floor = alpha_k, alpha_p, smooth, domain_floor
        self.modulation = choose('modulation', modulation, self.modulations)
        self.projection = choose('projection', projection, self.projections)
        self.class_task, self.domain_task = class_task, domain_task
        uses_ratios = modulation != 'none' or projection in ('adaptive', 'reverse')
        self.needs = frozenset(['confidences'] * uses_ratios + ['gramian'] * (projection != 'none'))

    def balances(self, task: str) -> bool:
        """Only the classification and the domain task; auxiliary losses keep weight 1."""
        return task in (self.class_task, self.domain_task)

    def weights(self, inputs: BalanceInputs) -> Tensor:
        """Scalars ``A`` and ``B`` of each modality in the columns of their tasks, shape ``(M, T)``."""
        one = inputs.ones().new_ones(len(inputs.modalities))
        classes, domains = inputs.column(self.class_task), inputs.column(self.domain_task)
        rho = self._ratio(inputs, self.class_task, one, inverse=False)
        sigma = self._ratio(inputs, self.domain_task, one, inverse=True) if domains is not None else one
        k, p = self._coefficients(rho, sigma)
        gamma = rho / sigma.clamp_min(epsilons.CONFIDENCE)
        self.diagnostics.update(rho=rho, sigma=sigma, Gamma=gamma, k=k, p=p)
        if classes is not None and domains is not None and self.projection != 'none' and inputs.gramian is not None:
            a, b, c = (inputs.gramian[:, s, t] for s, t in ((classes, classes), (domains, domains), (classes, domains)))
            k, p = self._project(k, p, gamma, a, b, c)
        return inputs.table({self.class_task: k, self.domain_task: p})

    def _ratio(self, inputs: BalanceInputs, task: str, one: Tensor, inverse: bool) -> Tensor:
        """Confidence of each modality over the mean of the others (or the inverse), ``(M, )``; 1 when it is alone."""
        if 'confidences' not in self.needs or len(inputs.modalities) < 2:
            return one
        own = inputs.confidence(task, 'GMP').to(one)
        if task in inputs.counts:
            self.diagnostics[f'confidence_{task}'] = inputs.mean(task, own)
            if inverse and self.domain_floor:
                own = own.clamp_min(self.domain_floor * inputs.counts[task])
        return confidence_ratio(own, inverse=inverse)

    def _coefficients(self, rho: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Modulation ``(k, p)``, each ``(M, )`` in [0, 1] (paper Eq. 9 and 10)."""
        one = torch.ones_like(rho)
        k = suppress(rho, self.alpha_k, self.smooth)
        p = suppress(sigma, self.alpha_p, self.smooth)
        return {'decoupled': (k, p), 'unified': (k, k), 'class_only': (k, one), 'domain_only': (one, p),
                'none': (one, one)}[self.modulation]

    def _project(self, k: Tensor, p: Tensor, gamma: Tensor, a: Tensor, b: Tensor,
                 c: Tensor) -> tuple[Tensor, Tensor]:
        """Closed form of the projection (paper Eq. 12-15); branch-free, so nothing waits for the device."""
        # A coefficient of exactly 0 (tanh saturated) makes the literal inner product 0: no conflict.
        conflict = (c < 0) & (k > 0) & (p > 0)
        class_first = {'adaptive': gamma >= 1, 'reverse': gamma < 1}.get(
            self.projection, torch.full_like(conflict, self.projection in ('class', 'both')))
        both = torch.full_like(conflict, self.projection == 'both')
        project_class, project_domain = conflict & class_first, conflict & (~class_first | both)
        # c < 0 implies a, b > 0 (Cauchy-Schwarz); the masked value 1 only keeps 0/0 out of unused lanes.
        safe_a, safe_b = torch.where(project_domain, a, 1.0), torch.where(project_class, b, 1.0)
        zero = torch.zeros_like(c)
        self.diagnostics.update(
            cosine=c / (a.sqrt() * b.sqrt()).clamp_min(torch.finfo(c.dtype).tiny), conflict=conflict.to(c),
            projected_class=project_class.to(c), projected_domain=project_domain.to(c),
            grad_norm_class=a.sqrt(), grad_norm_domain=b.sqrt())
        return (k - torch.where(project_domain, p * c / safe_a, zero),
                p - torch.where(project_class, k * c / safe_b, zero))
