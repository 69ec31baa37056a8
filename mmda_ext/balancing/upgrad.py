"""UPGrad: each gradient projected onto the cone that harms no task (Quinton and Rey, 2024)."""

import torch
from torch import Tensor

from mmda_ext.balancing.parts.bounded import shortest_above
from mmda_ext.balancing.parts.gramian_weights import GramianWeights


class UPGrad(GramianWeights):
    r"""Sum of the projections of all gradients onto the dual cone (arXiv 2406.16232, Eq. 4 and Proposition 1).

    .. math::
        w = \sum_i \arg\min_{v \ge e_i / K} v^T Q v

    The combination of the :math:`g_k` by :math:`w` has no negative inner product with any of them. Without conflict
    (all :math:`Q_{ij} \ge 0`) every weight is :math:`1 / K`.

    Args:
        kwargs: As :class:`GramianWeights`: ``scope``, ``normalize``, ``task_prefix``, ``tasks``, ``space``.

    Differences from the paper: none; weights at the encoders alone, measured at the features by default.
    """

    def rule(self, Q: Tensor) -> Tensor:
        """Weights ``(K, )``, :math:`\\ge 1 / K`."""
        bounds = torch.eye(len(Q), dtype=Q.dtype) / len(Q)
        return torch.stack([shortest_above(Q, bound) for bound in bounds]).sum(0)
