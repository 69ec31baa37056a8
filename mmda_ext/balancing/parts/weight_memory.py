"""Weights over time: not solved in every step, or averaged over steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmda_ext.balancing.parts.degenerate import settle


@dataclass
class WeightMemory:
    r"""The last :math:`\gamma`, by task, and when it moves.

    Args:
        update_interval (int): Solve in every k-th step, and keep :math:`\gamma` in between.
        momentum (float, optional): :math:`\mu` of :math:`\gamma \leftarrow \mu \gamma + (1 - \mu) \gamma_{new}` at
            each update after the first.

    Raises:
        ValueError: If a number is out of its range.
    """

    update_interval: int = 1
    momentum: float | None = None
    gamma: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.update_interval < 1 or not 0 <= (self.momentum or 0) < 1:
            raise ValueError(f'update_interval={self.update_interval!r} must be at least 1, and momentum='
                             f'{self.momentum!r} None or in [0, 1)')

    @property
    def used(self) -> bool:
        """Whether a step depends on those before it."""
        return self.update_interval > 1 or self.momentum is not None

    def update(self, Q: Tensor, tasks: tuple[str, ...], step: int, solve: Callable[[Tensor], Tensor]) -> Tensor:
        """Gamma ``(T, )`` of this step; a gradient that is not finite neither counts nor is used."""
        known = tuple(self.gamma) == tasks
        previous = torch.full_like(Q[0], 1 / len(Q))
        if known:
            previous = torch.stack([self.gamma[task].to(Q) for task in tasks])
        gamma = previous
        if not known or step % self.update_interval == 0:
            fresh = solve(Q)
            gamma = torch.lerp(fresh, previous, self.momentum) if known and self.momentum is not None else fresh
        finite = torch.diagonal(Q).isfinite()
        self.gamma = dict(zip(tasks, torch.where(finite.all(), gamma, previous)))
        return torch.where(finite.all(), gamma, settle(torch.ones_like(gamma), finite, finite))
