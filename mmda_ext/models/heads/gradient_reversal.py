"""Identities that scale the gradient: reversal (Ganin et al., JMLR 2016) and any other factor."""

from typing import Any

import torch
from torch import Tensor


class _Scale(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor | float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.factor, None


def scale_gradient(x: Tensor, factor: Tensor | float) -> Tensor:
    """Identity whose backward pass multiplies by ``factor``, a constant; any shape."""
    return _Scale.apply(x, factor)


def reverse_gradient(x: Tensor, weight: float) -> Tensor:
    r"""Identity whose backward pass multiplies by :math:`-\lambda` (``weight``); any shape."""
    return scale_gradient(x, -weight)
