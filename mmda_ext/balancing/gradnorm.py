"""GradNorm: learned weights that let tasks train at similar rates (Chen et al., ICML 2018)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.learned_weights import LearnedWeights


class GradNorm(LearnedWeights):
    r"""Weighted gradient norms follow the inverse training rates of the tasks (arXiv 1711.02257, Eq. 1-2, Algorithm 1).

    .. math::
        G_k = w_k \lVert g_k \rVert = w_k \sqrt{Q_{kk}},\qquad
        r_k = \frac{L_k / L_k(0)}{\operatorname{mean}_j L_j / L_j(0)},\qquad
        \min_w \sum_k \big| G_k - \operatorname{mean}(G)\, r_k^\alpha \big|

    The target is constant in the gradient of :math:`w`. A step weights by the present :math:`w`, then moves it and
    scales it to sum :math:`K`.

    Args:
        alpha (float): Strength with which slow tasks are pulled along, >= 0; 0 makes the norms equal.
        lr (float): Learning rate of the Adam of :math:`w`.
        kwargs: As :class:`LearnedWeights`: ``weight_decay``, ``normalize``, ``task_prefix``, ``tasks``, ``space``.

    Raises:
        ValueError: If a number is out of its range.

    Differences from the paper: norms of the gradients at the features (``space='parameter'``: of all encoder
    parameters) instead of at the last shared layer; they are divided by their mean, so that the step of :math:`w` does
    not depend on their scale; :math:`w` has an Adam of its own and stays above 0.001; :math:`L_k(0)` is the loss of the
    first step. The heads train on the unweighted losses.
    """

    needs = frozenset({'gramian', 'losses'})
    start = 1.0

    def __init__(self, alpha: float = 1.5, lr: float = 0.025, **kwargs: Any) -> None:
        super().__init__(lr, **kwargs)
        if not alpha >= 0:
            raise ValueError(f'alpha={alpha!r} must be a number >= 0')
        self.alpha = alpha

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights ``(T, )``, sum T."""
        assert inputs.losses is not None
        assert inputs.gramian is not None
        losses = inputs.losses.clamp_min(0) + epsilons.LOSS
        memory = self.prepare(inputs, initial=losses)
        weights = memory['value'].clone()
        norms = torch.diagonal(inputs.gramian.sum(0)).sqrt().to(weights)
        norms = norms / norms.mean().clamp_min(torch.finfo(norms.dtype).tiny)
        progress = losses / memory['initial']
        rate = progress / progress.mean()
        lengths = weights * norms
        self.learn(torch.sign(lengths - lengths.mean() * rate**self.alpha) * norms)
        value = memory['value'].clamp_(min=epsilons.LEARNED_WEIGHT)
        value.mul_(len(value) / value.sum())
        self.log('rate', rate, inputs)
        return weights
