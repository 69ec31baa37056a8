r"""Distance of second moments of two batches, with its gradient in closed form (Sun and Saenko, ECCVW 2016)."""

import torch
from torch import Tensor

from mmda_ext.models.heads.base import widen

#: Added to variances in front of a square root or a logarithm: features that never change stay finite.
EPS = 1e-6


def coral(source: Tensor, target: Tensor, statistic: str = 'covariance', mean_term: bool = False, factor: float = 1.0,
          low_rank: bool | None = None) -> tuple[Tensor, Tensor, Tensor]:
    r"""Value and gradients of :math:`k \lVert C(Z^s) - C(Z^t) \rVert_F^2`, without autograd.

    .. math::
        C(Z) = A^T A,\quad A = Z_c / \sqrt{n - 1}\ \text{(covariance)}\quad\text{or}\quad
        A = (Z_c / \sigma) / \sqrt{n}\ \text{(correlation)}

    With :math:`D = C^s - C^t` the gradient at :math:`A^s` is :math:`4 k A^s D`, at :math:`A^t` :math:`-4 k A^t D`. The
    low-rank form expands products of :math:`A A^T`, and builds no :math:`d \times d` matrix:
    :math:`A^s D = (A^s A^{sT}) A^s - (A^s A^{tT}) A^t`. Its value cancels where the covariances nearly agree.

    Args:
        source (Tensor): :math:`Z^s`, shape ``(n_s, d)``, at least two rows.
        target (Tensor): :math:`Z^t`, shape ``(n_t, d)``, at least two rows.
        statistic (str): ``'covariance'`` or ``'correlation'``.
        mean_term (bool): Add the mean square of the difference of the means; the factor does not apply to it.
        factor (float): :math:`k`.
        low_rank (bool, optional): Which form; by default the cheaper one.

    Returns:
        tuple: Scalar, ``(n_s, d)``, ``(n_t, d)``, in float32 or wider.
    """
    # Autocast would take the products back to half precision, in which the difference of covariances drowns.
    with torch.no_grad(), torch.autocast(source.device.type, enabled=False):
        source, target = widen(source), widen(target)
        low = max(len(source), len(target)) < source.shape[1] if low_rank is None else low_rank
        a, b = _standardised(source, statistic), _standardised(target, statistic)
        value, grad_a, grad_b = (_low_rank if low else _direct)(a, b)
        grads = [_pull_back(rows, own, factor * grad, statistic) for rows, own, grad in
                 ((source, a, grad_a), (target, b, grad_b))]
        value = factor * value
        if mean_term:
            gap = source.mean(0) - target.mean(0)
            value = value + gap.square().mean()
            slope = 2 * gap / len(gap)
            grads = [grads[0] + slope / len(source), grads[1] - slope / len(target)]
    return value, grads[0], grads[1]


def _deviation(rows: Tensor) -> Tensor:
    return (rows.var(0, correction=0) + EPS).sqrt()


def _standardised(rows: Tensor, statistic: str) -> Tensor:
    """The factor ``A`` of the statistic, ``(n, d)``."""
    centred = rows - rows.mean(0)
    if statistic == 'covariance':
        return centred / (len(rows) - 1)**.5
    return centred / _deviation(rows) / len(rows)**.5


def _direct(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    gap = a.T @ a - b.T @ b
    return gap.square().sum(), 4 * a @ gap, -4 * b @ gap


def _low_rank(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    aa, bb, ab = a @ a.T, b @ b.T, a @ b.T
    value = aa.square().sum() + bb.square().sum() - 2 * ab.square().sum()
    return value.clamp_min(0), 4 * (aa @ a - ab @ b), -4 * (ab.T @ a - bb @ b)


def _pull_back(rows: Tensor, a: Tensor, grad: Tensor, statistic: str) -> Tensor:
    """From the gradient at ``A`` to that at the features. Centring passes it on: its columns sum to 0 already."""
    count = len(rows)
    if statistic == 'covariance':
        return grad / (count - 1)**.5
    w, g = a * count**.5, grad / count**.5
    return (g - g.mean(0) - w * (g * w).mean(0)) / _deviation(rows)


class _KnownGradient(torch.autograd.Function):
    """A value whose gradient was computed beside it; the backward pass only multiplies."""

    @staticmethod
    def forward(ctx, value, count, *tensors):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN205
        features, gradients = tensors[:count], tensors[count:]
        ctx.save_for_backward(*gradients)
        ctx.dtypes = [feature.dtype for feature in features]
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN205
        own = [(grad * gradient).to(dtype) for gradient, dtype in zip(ctx.saved_tensors, ctx.dtypes)]
        return None, None, *own, *[None] * len(own)


def attach(value: Tensor, features: dict[str, Tensor], gradients: dict[str, Tensor]) -> Tensor:
    """Put ``value`` into the graph of ``features``, with the gradients given for them.

    Args:
        value (Tensor): Scalar without graph.
        features (dict[str, Tensor]): Modality -> ``(N, D_m)`` with graph.
        gradients (dict[str, Tensor]): Gradient of ``value`` for the features that it depends on.
    """
    return _KnownGradient.apply(value, len(gradients), *(features[name] for name in gradients), *gradients.values())
