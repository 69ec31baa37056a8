"""Nash-MTL: the bargaining solution between tasks (Navon et al., ICML 2022)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.parts.gramian_weights import GramianWeights

#: The most Newton steps: a hundred suffice for opposite gradients.
STEPS = 200


class NashMTL(GramianWeights):
    r"""Every task gains the same share of what it could (arXiv 2202.01017, Claim 3.1 and Eq. 3).

    .. math::
        Q \alpha = 1 / \alpha,\quad \alpha > 0

    The only stationary point of the convex :math:`\tfrac12 \alpha^T Q \alpha - \sum_k \log \alpha_k`, found by damped
    Newton steps on the cosines: :math:`\alpha_k = \beta_k / \lVert g_k \rVert` where :math:`\beta` solves the problem
    for gradients of length 1. For a diagonal :math:`Q`, :math:`\alpha_k = 1 / \lVert g_k \rVert`.

    The combination always has the length :math:`\sqrt K`, whatever the losses are multiplied with: with ``max_norm`` it
    has exactly that length. ``normalize=True`` keeps only the proportions of the weights.

    Args:
        max_norm (float, optional): Largest length of the combined gradient where it is measured; ``None`` for no limit.
        kwargs: As :class:`GramianWeights`: ``scope``, ``normalize``, ``task_prefix``, ``tasks``, ``space``.

    Raises:
        ValueError: If ``max_norm`` is not positive.

    Differences from the published code: solved in every step, up to the :math:`10^{-6}` that is added to the diagonal
    of the cosines, instead of a sequence of convex programs started from the last solution, so there is no state.
    """

    def __init__(self, max_norm: float | None = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if max_norm is not None and not max_norm > 0:
            raise ValueError(f'max_norm={max_norm!r} must be a number > 0, or None for no limit')
        self.max_norm = max_norm

    def rule(self, Q: Tensor) -> Tensor:
        """Weights ``(K, )``, > 0."""
        norms = torch.diagonal(Q).sqrt()
        weights = _bargain(Q / norms / norms[:, None]) / norms
        if self.max_norm is None:
            return weights
        length = (weights @ Q @ weights).clamp_min(0).sqrt()
        return weights * (self.max_norm / length.clamp_min(self.max_norm))


def _bargain(cosines: Tensor) -> Tensor:
    """Solve :math:`C \\beta = 1 / \\beta`; Newton steps over 1 + decrement never leave :math:`\\beta > 0`."""
    C = cosines + epsilons.BARGAIN_RIDGE * torch.eye(len(cosines), dtype=cosines.dtype)
    beta = torch.ones_like(C[0])
    for _ in range(STEPS):
        slope = C @ beta - 1 / beta
        step = torch.linalg.solve(C + torch.diag(beta**-2), slope)
        decrement = (slope @ step).clamp_min(0).sqrt()
        beta = beta - step / (1 + decrement)
        if decrement < epsilons.BARGAIN_DECREMENT:
            break
    return beta
