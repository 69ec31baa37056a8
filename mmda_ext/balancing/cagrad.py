"""CAGrad: the direction near the mean gradient that helps the worst-off task most (Liu et al., NeurIPS 2021)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.parts.gramian_weights import GramianWeights
from mmda_ext.balancing.parts.simplex import LARGEST, supports


class CAGrad(GramianWeights):
    r"""Mean gradient plus a step towards the conflict-averse combination (arXiv 2110.14048, Algorithm 1).

    With :math:`g_0` the mean gradient and :math:`g_w = \sum_k w_k g_k`:

    .. math::
        w^* = \arg\min_{w \ge 0,\, \sum w = 1} \langle g_w, g_0 \rangle + c \lVert g_0 \rVert \lVert g_w \rVert,
        \qquad
        \gamma_k = \frac{1}{K} + c\, \frac{\lVert g_0 \rVert}{\lVert g_{w^*} \rVert}\, w_k^*

    The minimum is found exactly: on the hull of any subset of the gradients the stationary point is closed form, and
    all subsets are tried.

    Args:
        c (float): Radius of the ball around :math:`g_0` in parts of its length, 0 (mean gradient) <= c < 1.
        kwargs: As :class:`GramianWeights`: ``scope``, ``normalize``, ``task_prefix``, ``tasks``, ``space``.

    Raises:
        ValueError: If ``c`` is out of its range, or there are more than 8 tasks.

    Differences from the published code: no numerical minimiser, no division by :math:`1 + c^2` afterwards
    (``normalize=True`` divides by the sum); where :math:`g_{w^*}` vanishes the weights are those of the mean.
    """

    def __init__(self, c: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= c < 1:
            raise ValueError(f'c={c!r} must be a number in [0, 1)')
        self.c = c

    def rule(self, Q: Tensor) -> Tensor:
        """Weights ``(K, )``, :math:`\\ge 1 / K`."""
        if len(Q) > LARGEST:
            raise ValueError(f'CAGrad tries every subset of at most {LARGEST} tasks, got {len(Q)}: name fewer in '
                             'tasks=')
        Q = Q / Q.trace() + epsilons.RIDGE * torch.eye(len(Q), dtype=Q.dtype)
        mean = torch.full_like(Q[0], 1 / len(Q))
        radius = self.c * (mean @ Q @ mean).sqrt()
        points = [_stationary(Q, Q @ mean, radius, support) for support in supports(len(Q))]
        worst = min((point for point in points if point is not None),
                    key=lambda w: float(w @ Q @ mean + radius * (w @ Q @ w).sqrt()))
        length = (worst @ Q @ worst).sqrt()
        return mean + radius / length * worst if length**2 > epsilons.NO_COMBINATION else mean


def _stationary(Q: Tensor, linear: Tensor, radius: Tensor, support: tuple[int, ...]) -> Tensor | None:
    r"""Stationary point of :math:`b^T w + \rho (w^T Q w)^{1/2}` where only ``support`` has weight, if on the simplex.

    With :math:`A = Q_{SS}`, stationarity reads :math:`w = A^{-1} (\lambda 1 - b) / t,\ t = \rho / (w^T A w)^{1/2}`;
    from :math:`\sum w = 1` and the definition of :math:`t` follows a quadratic equation for :math:`\lambda`.
    """
    index = torch.tensor(support)
    b = linear[index]
    ones = torch.ones_like(b)
    w = ones
    if len(index) > 1:
        p, q = torch.linalg.solve(Q[index][:, index], torch.stack([ones, b], dim=1)).unbind(1)
        square = q.sum()**2 - p.sum() * (b @ q - radius**2)
        if square <= 0:
            return None
        t = square.sqrt()
        w = ((q.sum() + t) / p.sum() * p - q) / t
    return torch.zeros_like(linear).index_copy(0, index, w) if (w >= 0).all() else None
