"""Uncertainty weighting: the noise of each task is learned (Kendall, Gal and Cipolla, CVPR 2018)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext.balancing.base import BalanceInputs
from mmda_ext.balancing.parts.learned_weights import LearnedWeights


class UncertaintyWeighting(LearnedWeights):
    r"""One log-variance :math:`s_k` per task, trained beside the model (arXiv 1705.07115, Eq. 10).

    .. math::
        \sum_k \tfrac12 e^{-s_k} L_k + \tfrac12 s_k,\qquad w_k = \tfrac12 e^{-s_k}

    A step weights by the present :math:`s` and then moves it, as one optimizer for model and :math:`s` would do. It
    rests where :math:`e^{s_k} = L_k`: weights become inverse losses.

    Args:
        lr (float): Learning rate of the Adam of :math:`s`.
        start (float): First value of every :math:`s_k`; -0.5 in some public code.
        kwargs: As :class:`LearnedWeights`: ``weight_decay``, ``normalize``, ``task_prefix``, ``tasks``.

    Raises:
        ValueError: If a number is out of its range.

    Differences from the paper: :math:`s` has an Adam of its own; the weights act at the encoders, the heads train on
    the unweighted losses.
    """

    def __init__(self, lr: float = 1e-3, start: float = 0.0, **kwargs: Any) -> None:
        super().__init__(lr, **kwargs)
        self.start = start

    def task_weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights ``(T, )``."""
        assert inputs.losses is not None
        weights = torch.exp(-self.prepare(inputs)['value']) / 2
        self.learn(0.5 - weights * inputs.losses)
        return weights
