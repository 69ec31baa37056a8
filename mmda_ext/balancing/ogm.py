r"""On-the-fly Gradient Modulation with Generalization Enhancement (Peng et al., CVPR 2022)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.base import BalanceInputs, Balancer, scaled, task_names
from mmda_ext.balancing.parts.draws import Draws
from mmda_ext.balancing.parts.modulation import suppress
from mmda_ext.choices import choose
from mmda_ext.confidence import confidence_ratio


class OGM(Balancer):
    r"""Slow the encoder of the modality that is ahead, and give back by noise the variance that this takes.

    With :math:`S^m` the batch sum of the probability that modality :math:`m` alone gives to the true class:

    .. math::
        \rho^m = \operatorname{mean}_{j \ne m} \frac{S^m}{S^j},\qquad
        k^m = 1 - \tanh(\alpha \rho^m)\ \text{if}\ \rho^m > 1\ \text{else}\ 1

        g \leftarrow k^m g \ (\text{OGM}),\qquad
        g \leftarrow k^m g + \varepsilon,\ \varepsilon \sim N(0, \operatorname{std}(g)^2)\ (\text{OGM-GE})

    for every convolution weight :math:`g` of the encoder; other tensors keep their gradient. The noise is measured
    before scaling, drawn per element, and reaches all modalities, those with :math:`k = 1` too. It is the same on all
    processes, because it is added to the averaged gradient. Losses outside ``tasks`` (the adversarial one) are left
    alone.

    Args:
        alpha (float): :math:`\alpha \ge 0`.
        ge (bool): OGM-GE instead of OGM.
        window (tuple[int, int], optional): First and last epoch, from 0 and both included; all by default.
        min_rank (int): Only tensors of this rank or more are moved. 4 means convolutions, of two or three dimensions;
            encoders without them, such as MLPs on features, need 2. 0 moves all: without noise a step then costs
            one encoder backward pass instead of one for ``tasks`` and one for the other losses.
        ratio (str): For more than two modalities, the mean of the ratios (``'pairwise'``, which the authors recommend)
            or the ratio to the mean (``'mean'``, as GMP has it).
        tasks (Sequence[str]): Tasks whose gradient is modulated; the first supplies the confidences.
        seed (int): Of the noise.

    Raises:
        ValueError: If an option is out of range, or if no tensor of a trained encoder has the rank.

    Differences from the public code: it asks for rank 4 exactly, which leaves out every weight of a 3D convolution.
    """

    example = dict(min_rank=2)

    ratios = ('pairwise', 'mean')

    def __init__(self,
                 alpha: float = 0.3,
                 ge: bool = False,
                 window: tuple[int, int] | None = None,
                 min_rank: int = 4,
                 ratio: str = 'pairwise',
                 tasks: Sequence[str] = ('cls', ),
                 seed: int = 0) -> None:
        super().__init__()
        if not alpha >= 0:
            raise ValueError(f'alpha={alpha!r} must be a number >= 0')
        if window is not None and not 0 <= window[0] <= window[1]:
            raise ValueError(f'window={window!r} must be two epochs, the first >= 0 and not after the second')
        self.alpha, self.ge, self.window, self.min_rank = alpha, ge, window, min_rank
        self.ratio = choose('ratio', ratio, self.ratios)
        self.tasks = task_names(tasks)
        self.draws = Draws(seed)
        self.needs = frozenset(['confidences'] + ['tensors'] * (ge or min_rank > 0))
        self._active = True

    def balances(self, task: str) -> bool:
        """The tasks named; all others keep weight 1."""
        return task in self.tasks

    def check(self, shapes: Mapping[str, Sequence[torch.Size]]) -> None:
        """Refuse an encoder none of whose tensors has the rank."""
        for name, own in shapes.items():
            ranks = [len(shape) for shape in own]
            if ranks and max(ranks) < self.min_rank:
                raise ValueError(f'OGM moves tensors of rank {self.min_rank} or more, but modality {name!r} trains '
                                 f'none above rank {max(ranks)}: set min_rank={max(ranks)}')

    def weights(self, inputs: BalanceInputs) -> Tensor:
        """:math:`k^m` in the columns of the modulated tasks, ``(M, T)``; 1 outside of the window.

        Raises:
            ValueError: If the first task has no confidences.
        """
        sums = inputs.confidence(self.tasks[0], 'OGM')
        self._active = self.window is None or inputs.epoch is None or self.window[0] <= inputs.epoch <= self.window[1]
        self.draws.next_step()
        rho = confidence_ratio(sums.to(inputs.ones()), self.ratio)
        k = suppress(rho, self.alpha) if self._active else torch.ones_like(rho)
        self.diagnostics.update(rho=rho, k=k)
        return inputs.table(dict.fromkeys(self.tasks, k))

    def combine(self, gradients: Sequence[Tensor | None], weights: Tensor) -> Tensor | None:
        """Sum of the tasks' gradients of one tensor, modulated if its rank says so."""
        plain = super().combine(gradients, torch.ones_like(weights))
        if plain is None or not self._active or plain.dim() < self.min_rank:
            return plain
        total = scaled(plain, weights[0])
        if not self.ge:
            return total
        std = plain.std(correction=min(1, plain.numel() - 1)) + epsilons.NOISE_DEVIATION
        noise = torch.randn(plain.shape, generator=self.draws.on(plain.device), device=plain.device, dtype=plain.dtype)
        return total + std * noise

    def state_dict(self) -> dict[str, Any]:
        """Where the noise stands."""
        return self.draws.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.draws.load_state_dict(state)
