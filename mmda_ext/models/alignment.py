r"""Distance of second moments of two batches, with its gradient in closed form (Sun and Saenko, ECCVW 2016)."""

from collections.abc import Mapping, Sequence
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.models.heads.base import widen


class SecondMoments:
    r"""Distances of the second moments of two batches, of any modalities side by side, with their gradients.

    .. math::
        L = k \lVert D \rVert_F^2,\quad D = A^{sT} A^s - A^{tT} A^t,\quad
        A = Z_c / \sqrt{n - 1}\ \text{(covariance)}\ \text{or}\ (Z_c / \sigma) / \sqrt{n}\ \text{(correlation)}

    The gradient at :math:`A^s` is :math:`4 k A^s D`, at :math:`A^t` :math:`-4 k A^t D`: no autograd. The low-rank form
    expands products of :math:`A A^T`, and builds no :math:`d \times d` matrix:
    :math:`A^s D = (A^s A^{sT}) A^s - (A^s A^{tT}) A^t`. Its value cancels where the covariances nearly agree. For
    modalities side by side :math:`A A^T` is the sum of those of each, made once and shared by all distances.

    Args:
        source (dict[str, Tensor]): Modality -> :math:`Z^s`, ``(n_s, d_m)``, at least two rows.
        target (dict[str, Tensor]): Modality -> :math:`Z^t`, ``(n_t, d_m)``, at least two rows.
        statistic (str): ``'covariance'`` or ``'correlation'``.
    """

    @torch.no_grad()
    def __init__(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor],
                 statistic: str = 'covariance') -> None:
        self.pairs = {name: _Pair(_Rows(source[name], statistic), _Rows(target[name], statistic)) for name in source}

    def width(self, names: Sequence[str]) -> int:
        """Number of features of the modalities ``names`` together."""
        return sum(self.pairs[name].rows.shape[1] for name in names)

    @torch.no_grad()
    def distance(self, names: Sequence[str], mean_term: bool = False, factor: float = 1.0,
                 low_rank: bool | None = None,
                 weights: tuple[float, float] = (1, 1)) -> tuple[Tensor, dict[str, Tensor]]:
        """Value and gradients of :math:`L` for the modalities ``names`` side by side.

        Args:
            names (Sequence[str]): The modalities.
            mean_term (bool): Add the mean square of the difference of the means; the factor does not apply to it.
            factor (float): :math:`k`.
            low_rank (bool, optional): Which form; by default the cheaper one.
            weights (tuple[float, float]): Factors of the gradients at the source and at the target.

        Returns:
            tuple: Scalar, and modality -> ``(n_s + n_t, d_m)``, those of the source first; in float32 or wider.
        """
        pairs, width = [self.pairs[name] for name in names], self.width(names)
        low = max(pairs[0].counts) < width if low_rank is None else low_rank
        # Autocast would take the products back to half precision, in which the difference of covariances drowns.
        with torch.autocast(pairs[0].rows.device.type, enabled=False):
            value, products = (_low_rank if low else _direct)(pairs)
        value, signed = factor * value, (weights[0], -weights[1])
        gradients = [pair.pull_back(product, [4 * factor * weight for weight in signed])
                     for pair, product in zip(pairs, products)]
        if mean_term:
            gaps = [source.mean - target.mean for source, target in (pair.domains for pair in pairs)]
            value = value + torch.cat(gaps).square().mean()
            for gap, gradient in zip(gaps, gradients):
                for weight, part in zip(signed, gradient.split(pairs[0].counts)):
                    part += 2 * weight / (width * len(part)) * gap
        return value, dict(zip(names, gradients))


class _Rows:
    """One domain of one modality: its mean ``(d, )`` and the factor ``A`` of its statistic, ``(n, d)``."""

    def __init__(self, rows: Tensor, statistic: str) -> None:
        rows, count = widen(rows), len(rows)
        self.mean = rows.mean(0)
        self.whitened = statistic == 'correlation'
        self.scale: Tensor | float = (count - 1)**.5
        if self.whitened:
            self.scale = (count * (rows.var(0, correction=0) + epsilons.VARIANCE)).sqrt()
        self.a = (rows - self.mean) / self.scale


class _Pair:
    """Both domains of one modality, and their factors one above the other, ``(n_s + n_t, d)``."""

    def __init__(self, source: _Rows, target: _Rows) -> None:
        self.domains = (source, target)
        self.counts = [len(domain.a) for domain in self.domains]
        self.rows = torch.cat([domain.a for domain in self.domains])

    @cached_property
    def products(self) -> tuple[Tensor, Tensor, Tensor]:
        a, b = (domain.a for domain in self.domains)
        return a @ a.T, b @ b.T, a @ b.T

    def pull_back(self, product: Tensor, factors: Sequence[float]) -> Tensor:
        """From ``A D`` to the gradient at the features, in place, by the factor of each domain."""
        for factor, domain, grad in zip(factors, self.domains, product.split(self.counts)):
            # Centring passes the gradient on: its columns sum to 0 already.
            if domain.whitened:
                grad -= domain.a * (grad * domain.a).sum(0)
            grad *= factor / domain.scale
        return product


def _direct(pairs: Sequence[_Pair]) -> tuple[Tensor, Sequence[Tensor]]:
    """:math:`\\lVert D \\rVert_F^2`, and :math:`A D` of both domains for each modality, ``(n_s + n_t, d_m)``."""
    rows = torch.cat([pair.rows for pair in pairs], dim=1)
    a, b = rows.split(pairs[0].counts)
    gap = a.T @ a - b.T @ b
    return gap.square().sum(), (rows @ gap).split([pair.rows.shape[1] for pair in pairs], dim=1)


def _low_rank(pairs: Sequence[_Pair]) -> tuple[Tensor, Sequence[Tensor]]:
    """The same without :math:`D`."""
    aa, bb, ab = (reduce(torch.add, products) for products in zip(*(pair.products for pair in pairs)))
    value = aa.square().sum() + bb.square().sum() - 2 * ab.square().sum()
    kernel = torch.cat([torch.cat([aa, ab.T]), -torch.cat([ab, bb])], dim=1)
    return value.clamp_min(0), [kernel @ pair.rows for pair in pairs]


class _KnownGradient(torch.autograd.Function):
    """A value whose gradient was computed beside it; the backward pass only multiplies."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, count: int, *tensors: Tensor) -> Tensor:
        features, gradients = tensors[:count], tensors[count:]
        ctx.save_for_backward(*gradients)
        ctx.dtypes = [feature.dtype for feature in features]
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
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
