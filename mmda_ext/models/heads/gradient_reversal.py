"""Gradient reversal (Ganin et al., JMLR 2016)."""

from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * -ctx.weight, None


def reverse_gradient(x: Tensor, weight: float) -> Tensor:
    r"""Identity whose backward pass multiplies by :math:`-\lambda` (``weight``); any shape."""
    return _Reverse.apply(x, weight)
