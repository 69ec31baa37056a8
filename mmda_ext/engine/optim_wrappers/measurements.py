"""What a balancer is told about a step, added up over accumulated parts and over processes."""

from collections.abc import Mapping

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

from mmda_ext.balancing import BalanceInputs, Balancer
from mmda_ext.engine.optim_wrappers.gradients import TaskGradient, gramian
from mmda_ext.models.step import StepRecord


class Measurements:
    """Confidences, losses and feature-space inner products of one optimizer step.

    Args:
        tasks (tuple[str, ...]): Balanced tasks, in order.
        modalities (tuple[str, ...]): Modalities, in order.
        balancer (Balancer): Says what is worth measuring.
    """

    def __init__(self, tasks: tuple[str, ...], modalities: tuple[str, ...], balancer: Balancer) -> None:
        self.tasks, self.modalities = tasks, modalities
        self.needs = balancer.needs
        self.in_features = 'gramian' in balancer.needs and balancer.space == 'feature'
        self.confidences: dict[str, Tensor] = {}
        self.losses: Tensor | None = None
        self.gramian: Tensor | None = None
        self.num_samples = 0
        self.parts = 0

    def add(self, record: StepRecord, gradients: Mapping[str, TaskGradient]) -> None:
        """Add one forward pass.

        Raises:
            ValueError: If the balanced tasks of a pass differ from those of the passes before it.
        """
        absent = [task for task in self.tasks if task not in record.losses]
        if absent:
            raise ValueError(f'task {absent[0]!r} has no loss in this part of an accumulated step, but had one before')
        self.parts += 1
        self.num_samples += record.num_samples
        values = [record.losses[task].detach() for task in self.tasks]
        losses = torch.stack(values) if values else torch.zeros(0)
        self.losses = losses if self.losses is None else self.losses + losses
        if 'confidences' in self.needs:
            for task in self.tasks:
                if task in record.confidences:
                    own = record.confidences[task]()
                    self.confidences[task] = self.confidences[task] + own if task in self.confidences else own
        if self.in_features:
            rows = [[[gradients[t].features.get(m)] for t in self.tasks] for m in self.modalities]
            own = torch.stack([gramian(row).to(losses.device) for row in rows])
            self.gramian = own if self.gramian is None else self.gramian + own

    def inputs(self, parameter_gramian: Tensor | None, scale: Tensor | float,
               epoch: int | None = None) -> BalanceInputs:
        """Reduce over processes and hand over.

        Args:
            parameter_gramian (Tensor, optional): Inner products of parameter gradients, already those of the mean over
                processes, ``(M, T, T)``.
            scale (Tensor | float): Loss scale of mixed precision in the gradients.
            epoch (int, optional): Epoch of the training loop.
        """
        world = get_world_size()
        if world > 1:
            for value in [*self.confidences.values(), self.losses, self.gramian]:
                if value is not None:
                    all_reduce(value)
            # Each process differentiated the mean over its own part: `world` times its share of the joined mean.
            self.gramian = None if self.gramian is None else self.gramian / world**2
        gram = self.gramian if self.in_features else parameter_gramian
        assert self.losses is not None
        return BalanceInputs(
            self.tasks, self.modalities, gramian=None if gram is None else gram / (scale * scale),
            confidences=self.confidences, losses=self.losses / (self.parts * world),
            num_samples=self._total_samples(world), epoch=epoch)

    def _total_samples(self, world: int) -> Tensor | int:
        if world == 1:
            return self.num_samples
        assert self.losses is not None
        total = torch.tensor(self.num_samples, device=self.losses.device)
        all_reduce(total)
        return total
