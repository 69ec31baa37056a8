r"""Classifier-guided Gradient Modulation (Guo et al., NeurIPS 2024)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext import epsilons
from mmda_ext.balancing.base import BalanceInputs, Balancer, task_names


class CGGM(Balancer):
    r"""Speed up the encoders whose own classifiers gained little accuracy since the batch before.

    With :math:`A_m(t)` the accuracy of modality :math:`m`'s auxiliary classifier on batch :math:`t` (0 before the
    first):

    .. math::
        \Delta_m = A_m(t) - A_m(t - 1),\qquad
        B_m = \frac{\sum_j \Delta_j + 10^{-8} - \Delta_m}{\sum_j \Delta_j + 10^{-8}},\qquad
        g^m \leftarrow \rho_c\, B_m\, g^m

    and, for the direction of the update, :math:`L_{gm} = \frac1M (\sum_m |B_m| - \sum_m B_m \cos_m)`. Needs
    :class:`ClassifierGuidance`, which owns the classifiers and files :math:`\frac{\lambda}{M}(1 - \cos_m)` as
    ``direction/<modality>``; encoders receive its gradient times :math:`B_m`, which is that of :math:`\lambda L_{gm}`.
    Losses outside ``tasks`` (the adversarial one) are left alone.

    Args:
        rho (float): :math:`\rho_c`.
        clamp (tuple[float, float], optional): Range of :math:`B_m`, which also becomes 1 where the summed gain is
            within 0.001 of 0. ``None`` is the published form, in which :math:`B_m` explodes and changes sign there.
        tasks (Sequence[str]): Tasks whose gradient is scaled.
        guidance_task (str): Task of the auxiliary classifiers, which supplies the hits.
        direction_prefix (str): Tasks of the direction are this and the name of a modality.

    Raises:
        ValueError: If an option is out of range.

    Differences from the public code: it adds :math:`L_{gm}` of the step before as a number without gradient, and takes
    cosines of weights instead of gradients; here :math:`\lambda L_{gm}` of the step (for :math:`B \ge 0`) is logged as
    ``balance/direction``.
    """

    example = dict(guidance_task='own')
    example_objectives = (dict(type='mmda_ext.ClassifierGuidance', task='own', direction='off'), )

    needs = frozenset({'hits', 'losses'})

    def __init__(self,
                 rho: float = 1.3,
                 clamp: tuple[float, float] | None = (0.0, 2.0),
                 tasks: Sequence[str] = ('cls', ),
                 guidance_task: str = 'guidance',
                 direction_prefix: str = 'direction/') -> None:
        super().__init__()
        if not rho > 0:
            raise ValueError(f'rho={rho!r} must be a number > 0')
        if clamp is not None and not clamp[0] <= 1 <= clamp[1]:
            raise ValueError(f'clamp={clamp!r} must be two numbers with 1 between them, or None for no bounds')
        self.rho, self.clamp, self.tasks = rho, clamp, task_names(tasks)
        self.guidance_task, self.direction_prefix = guidance_task, direction_prefix
        self._accuracies: Tensor | None = None

    def balances(self, task: str) -> bool:
        """The tasks named, the direction, and the auxiliary classifiers, whose loss reaches no encoder."""
        return task in (*self.tasks, self.guidance_task) or task.startswith(self.direction_prefix)

    def weights(self, inputs: BalanceInputs) -> Tensor:
        """:math:`\\rho_c B_m` for ``tasks``, :math:`B_j` in column ``direction/<j>``, else 1, ``(M, T)``.

        Raises:
            ValueError: If the auxiliary classifiers filed no hits.
        """
        if self.guidance_task not in inputs.hits or inputs.losses is None:
            raise ValueError(f'CGGM needs the hits of task {self.guidance_task!r}, got only {sorted(inputs.hits)}: add '
                             'mmda_ext.ClassifierGuidance to `objectives`')
        accuracies = inputs.mean(self.guidance_task, inputs.hits[self.guidance_task].to(inputs.ones()))
        before = torch.zeros_like(accuracies) if self._accuracies is None else self._accuracies.to(accuracies)
        # A batch without labels says nothing.
        count = torch.as_tensor(inputs.counts.get(self.guidance_task, 1), device=accuracies.device)
        accuracies = torch.where(count > 0, accuracies, before)
        shares = self._shares(accuracies - before)
        self._accuracies = accuracies
        self.diagnostics.update(B=shares, accuracy=accuracies)
        directions = {task: shares[inputs.modalities.index(task.removeprefix(self.direction_prefix))]
                      for task in inputs.tasks if task.startswith(self.direction_prefix)}
        if directions:
            self.diagnostics['direction'] = torch.stack(
                [share * inputs.losses[inputs.column(task)] for task, share in directions.items()]).sum()
        return inputs.table({**directions, **dict.fromkeys(self.tasks, self.rho * shares)})

    def _shares(self, gains: Tensor) -> Tensor:
        """:math:`B_m`, ``(M, )``; 1 for a modality that is alone, which would stand still."""
        if len(gains) < 2:
            return torch.ones_like(gains)
        total = gains.sum() + epsilons.SUMMED_GAIN
        shares = (total - gains) / total
        if self.clamp is None:
            return shares
        return torch.where(total.abs() < epsilons.NO_GAIN, 1.0, shares.clamp(*self.clamp))

    def state_dict(self) -> dict[str, Any]:
        """Accuracies on the batch before."""
        return {'accuracies': self._accuracies}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self._accuracies = state.get('accuracies')
