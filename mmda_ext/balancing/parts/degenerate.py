"""What happens to objectives whose gradients are 0 or not finite; decided here for every rule that reads a Gramian."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmda_ext import epsilons

Rule = Callable[[Tensor], Tensor]
Settle = Callable[[Tensor, Tensor, Tensor], Tensor]


def states(diagonal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of squared norms ``(K, )``: them with 0 for what is not finite, which are finite, which have a gradient."""
    finite = diagonal.isfinite()
    norms = torch.where(finite, diagonal, 0.0)
    return norms, finite, norms > epsilons.NO_GRADIENT * norms.amax()


def settle(x: Tensor, finite: Tensor, live: Tensor) -> Tensor:
    """Weights ``x`` where all gradients are finite and one is not 0, else equal ones for the finite; branch-free."""
    regular = finite.all() & live.any()
    return torch.where(regular, x, finite.to(x) / finite.sum().clamp_min(1))


def settle_on_dead(x: Tensor, finite: Tensor, live: Tensor) -> Tensor:
    """As :func:`settle`, but objectives without gradient share all the weight, as MGDA has it; branch-free."""
    dead = (~live).to(x)
    return settle(torch.where(live.all(), x, dead / dead.sum().clamp_min(1)), finite, live)


def solve_live(Q: Tensor, rule: Rule, settle: Settle = settle) -> Tensor:
    """Weights ``(..., K)`` of ``Q`` ``(..., K, K)``: the rule among the objectives that have a gradient, 0 for others.

    Args:
        Q (Tensor): Inner products of gradients.
        rule (Callable): ``(k, k)`` on the host, in float64, with every objective alive -> ``(k, )``.
        settle (Callable): Decides the degenerate cases from weights, which are finite, which have a gradient.
    """
    host = Q.double().cpu().reshape(-1, *Q.shape[-2:])
    return torch.stack([_solve_one(own, rule, settle) for own in host]).reshape(Q.shape[:-1]).to(Q)


def _solve_one(Q: Tensor, rule: Rule, settle: Settle) -> Tensor:
    norms, finite, live = states(torch.diagonal(Q))
    index = live.nonzero()[:, 0]
    x = torch.zeros_like(norms)
    if len(index):
        x[index] = rule(Q[index][:, index]).to(x)
    return settle(x, finite, live)
