"""Weights of losses by the ratio of overfitting to generalisation."""

import torch
from torch import Tensor

from mmda_ext.choices import choose

GAINS = ('clamp', 'absolute')


def blend_weights(train: Tensor, val: Tensor, gain: str = 'clamp', eps: float = 1e-6) -> Tensor:
    r"""Weights of the heads from their losses at two times (Wang, Tran, Feiszli, CVPR 2020).

    .. math::
        w_k \propto \frac{\Delta G_k}{\Delta O_k^2 + \epsilon}, \quad
        \Delta G_k = L_k^\text{val}(0) - L_k^\text{val}(n), \quad
        \Delta O_k = O_k(n) - O_k(0), \quad O_k = L_k^\text{val} - L_k^\text{train}

    Scaling all losses leaves the weights as they are, up to :math:`\epsilon`.

    Args:
        train (Tensor): Mean loss per training sample of each head before and after, ``(2, K)``.
        val (Tensor): The same of source validation, ``(2, K)``.
        gain (str): What a head whose validation loss grew counts: ``'clamp'`` nothing, ``'absolute'``
            :math:`|\Delta G_k|` as in public code.
        eps (float): :math:`\epsilon`.

    Returns:
        Tensor: ``(K, )``, non-negative, of sum 1; uniform if no head gained.

    Raises:
        ValueError: If ``gain`` is unknown or a loss is not finite.
    """
    choose('gain', gain, GAINS)
    if not torch.isfinite(torch.stack([train, val])).all():
        raise ValueError(f'losses of the heads must be finite, they are {train.tolist()} on training and '
                         f'{val.tolist()} on validation samples: lower the learning rate')
    overfitting = val - train
    gained = val[0] - val[1]
    gained = gained.abs() if gain == 'absolute' else gained.clamp_min(0)
    weights = gained / ((overfitting[1] - overfitting[0]).square() + eps)
    if weights.sum() == 0:
        return torch.full_like(weights, 1 / len(weights))
    return weights / weights.sum()
