"""FAMO: equal relative decrease of all losses at the price of none but the losses (Liu et al., NeurIPS 2023)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.learned_weights import LearnedWeights


class FAMO(LearnedWeights):
    r"""Descends on :math:`\sum_k z_k \log L_k`, :math:`z = \operatorname{softmax}(\xi)` (arXiv 2306.03792, Alg. 1).

    .. math::
        w_k = c\, \frac{z_k}{L_k},\quad c = \Big(\sum_j z_j / L_j\Big)^{-1},\qquad
        \delta_k = \log L_k^{\text{before}} - \log L_k^{\text{after}},\qquad
        \xi \leftarrow \operatorname{Adam}\big(\xi,\ (\operatorname{diag} z - z z^T)\, \delta\big)

    A task whose loss fell more than the others' loses weight. The weights sum to 1 and do not change when a loss is
    multiplied with a constant.

    Args:
        lr (float): Learning rate of the Adam of :math:`\xi`.
        weight_decay (float): Its L2 penalty, which draws the weights towards uniform :math:`z`.
        kwargs: As :class:`LearnedWeights`: ``normalize``, ``task_prefix``, ``tasks``.

    Raises:
        ValueError: If a number is out of its range.

    Differences from the paper: there :math:`L^{\text{after}}` costs one more forward pass on the same batch. Here it is
    the loss of the *next* batch, which costs nothing and comes one step late: in the mean over batches :math:`\delta`
    is what the step gained on fresh samples, and the difference between two batches adds noise of mean 0, which Adam
    averages. Losses are floored at 0 and 1e-8 is added to them. The heads train on the unweighted losses.
    """

    def __init__(self, lr: float = 0.025, weight_decay: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(lr, weight_decay, **kwargs)

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights ``(T, )``, sum 1."""
        assert inputs.losses is not None
        losses = inputs.losses.clamp_min(0) + epsilons.LOSS
        first = not self.began
        memory = self.prepare(inputs, logarithms=losses.log())
        if not first:
            self._follow(memory, losses.log())
        ratio = torch.softmax(memory['value'], dim=0) / losses
        return ratio / ratio.sum()

    def _follow(self, memory: dict[str, Tensor], logarithms: Tensor) -> None:
        """Move :math:`\\xi` by what the last step did to the losses."""
        z, delta = torch.softmax(memory['value'], dim=0), memory['logarithms'] - logarithms
        self.learn(z * (delta - z @ delta))
        memory['logarithms'].copy_(torch.where(logarithms.isfinite().all(), logarithms, memory['logarithms']))
