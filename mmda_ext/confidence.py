"""How far a modality is ahead of the others; for balancers and for heads. Imports torch alone."""

import torch
from torch import Tensor

from mmda_ext import epsilons


def confidence_ratio(sums: Tensor, form: str = 'mean', inverse: bool = False) -> Tensor:
    r"""Confidence of each modality relative to the others; 1 for a modality that is alone. Both forms agree for two.

    Args:
        sums (Tensor): Batch sums :math:`S^m`, shape ``(M, )``.
        form (str): ``'mean'``: :math:`S^m / \operatorname{mean}_{j \ne m} S^j`; ``'pairwise'``:
            :math:`\operatorname{mean}_{j \ne m} S^m / S^j`.
        inverse (bool): One over the ratio of ``'mean'`` instead.

    Returns:
        Tensor: Ratios, shape ``(M, )``.
    """
    others = len(sums) - 1
    if not others:
        return torch.ones_like(sums)
    if form == 'pairwise':
        return (sums[:, None] / sums.clamp_min(epsilons.CONFIDENCE)).fill_diagonal_(0).sum(1) / others
    mean = (sums.sum() - sums) / others
    return mean / sums.clamp_min(epsilons.CONFIDENCE) if inverse else sums / mean.clamp_min(epsilons.CONFIDENCE)
