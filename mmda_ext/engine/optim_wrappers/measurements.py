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
        record (StepRecord): First forward pass of the step; says which tasks and modalities there are, in order.
        balancer (Balancer): Says what is worth measuring.

    Raises:
        ValueError: If the balancer balances none of the losses: it would change nothing, silently.
    """

    def __init__(self, record: StepRecord, balancer: Balancer) -> None:
        self.tasks = tuple(task for task in record.losses if balancer.balances(task))
        self.modalities = tuple(record.features)
        if not self.tasks:
            raise ValueError(f'{type(balancer).__name__} balances none of the losses of this model, '
                             f'{list(record.losses)}: add its objective, or change which tasks it balances')
        self.needs = balancer.needs
        self.in_features = 'gramian' in balancer.needs and balancer.space == 'feature'
        self.confidences: dict[str, Tensor] = {}
        self.hits: dict[str, Tensor] = {}
        self.losses: Tensor | None = None
        self.gramian: Tensor | None = None
        self.num_samples: Tensor | None = None
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
        labelled = (record.labels >= 0).sum()
        self.num_samples = labelled if self.num_samples is None else self.num_samples + labelled
        values = [record.losses[task].detach() for task in self.tasks]
        losses = torch.stack(values) if values else torch.zeros(0)
        self.losses = losses if self.losses is None else self.losses + losses
        for need, sums, functions in (('confidences', self.confidences, record.confidences),
                                      ('hits', self.hits, record.hits)):
            for task in functions if need in self.needs else ():
                if task in self.tasks:
                    own = functions[task]()
                    sums[task] = sums[task] + own if task in sums else own
        if self.in_features:
            rows = [[gradients[t].features.get(m, []) for t in self.tasks] for m in self.modalities]
            own = torch.stack([gramian(row).to(losses.device) for row in rows])
            self.gramian = own if self.gramian is None else self.gramian + own

    def inputs(self, parameter_gramian: Tensor | None, scale: Tensor | float,
               epoch: int | None = None) -> BalanceInputs:
        """Reduce over processes and hand over.

        Args:
            parameter_gramian (Tensor, optional): Inner products of parameter gradients, already those of the mean over
                processes, ``(M, T, T)``.
            scale (Tensor | float): Loss scale of mixed precision in the gradients.
            epoch (int, optional): Epoch of the run, from 0.
        """
        world = get_world_size()
        if world > 1:
            for value in [*self.confidences.values(), *self.hits.values(), self.losses, self.gramian,
                          self.num_samples]:
                if value is not None:
                    all_reduce(value)
            # Each process differentiated the mean over its own part: `world` times its share of the joined mean.
            self.gramian = None if self.gramian is None else self.gramian / world**2
        gram = self.gramian if self.in_features else parameter_gramian
        assert self.losses is not None
        return BalanceInputs(
            self.tasks, self.modalities, gramian=None if gram is None else gram / (scale * scale),
            confidences=self.confidences, hits=self.hits, losses=self.losses / (self.parts * world),
            num_samples=self.num_samples, epoch=epoch)
