"""What a balancer is told about a step, added up over accumulated parts and over processes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mmda_ext.balancing import BalanceInputs, Balancer
from mmda_ext.gradients.passes import TaskGradient
from mmda_ext.gradients.probe import Probe, widen
from mmda_ext.gradients.processes import add_up, world_size
from mmda_ext.gradients.tensors import gramian

Sums = dict[str, Tensor]


class Measurements:
    """Confidences, losses and feature-space inner products of one optimizer step.

    Args:
        balancer (Balancer): Says which tasks it balances, and what is worth measuring.
        modalities (Sequence[str]): In order.
    """

    def __init__(self, balancer: Balancer, modalities: Sequence[str]) -> None:
        self.balancer, self.modalities = balancer, tuple(modalities)
        self.in_features = 'gramian' in balancer.needs and balancer.space == 'feature'
        self.parts = 0
        self.confidences: Sums = {}
        self.hits: Sums = {}
        self.counts: Sums = {}
        self._losses: Sums = {}
        self._seen: list[str] = []
        self._gramians: list[tuple[tuple[str, ...], Tensor]] = []

    @property
    def tasks(self) -> tuple[str, ...]:
        """The balanced losses seen so far, in the order of their first appearance."""
        return tuple(self._losses)

    def add(self, losses: Mapping[str, Tensor], probes: Mapping[str, Probe],
            gradients: Mapping[str, TaskGradient]) -> None:
        """Add one part: its losses by task, what the modalities predict, and gradients at the features."""
        self.parts += 1
        self._seen += [task for task in losses if task not in self._seen]
        tasks = tuple(task for task in losses if self.balancer.balances(task))
        for task in tasks:
            _add(self._losses, task, widen(losses[task].detach().reshape(())))
        for task in [task for task in probes if task in tasks]:
            probe = probes[task]
            _add(self.counts, task, probe.count())
            if 'confidences' in self.balancer.needs:
                _add(self.confidences, task, probe.confidences())
            if 'hits' in self.balancer.needs:
                _add(self.hits, task, probe.hits())
        if self.in_features and tasks:
            device = self._losses[tasks[0]].device
            table = [gramian([gradients[t].features.get(m, []) for t in tasks], device) for m in self.modalities]
            self._gramians.append((tasks, torch.stack(table)))

    def inputs(self, parameter_gramian: Tensor | None, scale: Tensor | float = 1.0,
               epoch: int | None = None) -> BalanceInputs:
        """Reduce over processes and hand over.

        Args:
            parameter_gramian (Tensor, optional): Inner products of parameter gradients, already those of the mean over
                processes, ``(M, T, T)``.
            scale (Tensor | float): Loss scale of mixed precision in the gradients.
            epoch (int, optional): Epoch of the run, from 0.

        Raises:
            ValueError: If the balancer balances none of the losses: it would change nothing, silently.
        """
        if not self.tasks:
            raise ValueError(f'{type(self.balancer).__name__} balances none of the losses of this model, '
                             f'{self._seen}: add its objective, or change which tasks it balances')
        losses = torch.stack([value.to(self._losses[self.tasks[0]].device) for value in self._losses.values()])
        gram = self._feature_gramian(losses) if self.in_features else parameter_gramian
        world = world_size()
        if world > 1:
            add_up([losses, *self.confidences.values(), *self.hits.values(), *self.counts.values(),
                    gram if self.in_features else None])
            # Each process differentiated the mean over its own part: `world` times its share of the joined mean.
            gram = gram / world**2 if self.in_features and gram is not None else gram
        return BalanceInputs(
            self.tasks, self.modalities, gramian=None if gram is None else gram / (scale * scale),
            confidences=self.confidences, hits=self.hits, losses=losses / (self.parts * world), counts=self.counts,
            epoch=epoch)

    def _feature_gramian(self, like: Tensor) -> Tensor:
        """Sum over the parts ``(M, T, T)``; a task that a part does not have adds nothing there."""
        total: Tensor | None = None
        for tasks, table in self._gramians:
            if tasks != self.tasks:
                index = torch.tensor([self.tasks.index(task) for task in tasks], device=table.device)
                whole = table.new_zeros(len(self.modalities), len(self.tasks), len(self.tasks))
                whole[:, index[:, None], index] = table
                table = whole
            total = table if total is None else total + table
        assert total is not None
        return total


def _add(sums: Sums, task: str, value: Tensor) -> None:
    sums[task] = sums[task] + value if task in sums else value
