"""What every balancer reads and returns. Numbers in, numbers out: no model, no runner, no file."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmda_ext.choices import choose


@dataclass(frozen=True)
class BalanceInputs:
    r"""What one training step tells a balancer, summed over the whole batch (all processes, all accumulated parts).

    Args:
        tasks (tuple[str, ...]): The ``T`` balanced losses, in order.
        modalities (tuple[str, ...]): The ``M`` modalities, in order.
        gramian (Tensor, optional): Inner products of the raw task gradients of each modality, shape ``(M, T, T)``:
            ``gramian[m, s, t]`` :math:`= \langle g_s^m, g_t^m \rangle`. ``None`` where no balancer asked for it.
        confidences (dict[str, Tensor]): Task -> ``(M, )`` batch sums of the probability that modality ``m`` alone
            gives to the true class of that task.
        hits (dict[str, Tensor]): Task -> ``(M, )`` number of samples that modality ``m`` alone classifies right.
        losses (Tensor, optional): Values of the task losses, shape ``(T, )``.
        counts (dict[str, Tensor | int]): Task -> number of samples labelled for it, over which its ``confidences`` and
            ``hits`` sum.
        epoch (int | None): Epoch of the run, from 0; ``None`` outside of a run.
    """

    tasks: tuple[str, ...]
    modalities: tuple[str, ...]
    gramian: Tensor | None = None
    confidences: Mapping[str, Tensor] = field(default_factory=dict)
    losses: Tensor | None = None
    counts: Mapping[str, Tensor | int] = field(default_factory=dict)
    hits: Mapping[str, Tensor] = field(default_factory=dict)
    epoch: int | None = None

    def ones(self) -> Tensor:
        """Neutral weights ``(M, T)`` on the device of the other inputs."""
        known = [self.gramian, self.losses, *self.confidences.values(), *self.hits.values()]
        like = next((tensor for tensor in known if tensor is not None), torch.empty(0))
        return torch.ones(len(self.modalities), len(self.tasks), dtype=like.dtype, device=like.device)

    def column(self, task: str) -> int | None:
        """Where ``task`` stands in :attr:`tasks`, and so in every table ``(M, T)``; ``None`` where it has no loss."""
        return self.tasks.index(task) if task in self.tasks else None

    def needed(self, task: str, asked_by: str, remedy: str) -> int:
        """Column of a task that must be there.

        Raises:
            ValueError: If it has no loss, in the name of the balancer ``asked_by``, with the ``remedy``.
        """
        if task not in self.tasks:
            raise ValueError(f'{asked_by} needs a loss of task {task!r}, got {list(self.tasks)}: {remedy}')
        return self.tasks.index(task)

    def table(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Weights ``(M, T)``: those given, task -> ``(M, )`` or scalar, of the tasks that have a loss; 1 elsewhere."""
        table = self.ones()
        for task, own in weights.items():
            column = self.column(task)
            if column is not None:
                table[:, column] = own
        return table

    def confidence(self, task: str, asked_by: str) -> Tensor:
        """Batch sums ``(M, )`` of the confidences of ``task``.

        Raises:
            ValueError: If nobody filed them, in the name of the balancer ``asked_by``.
        """
        if task not in self.confidences:
            raise ValueError(f'{asked_by} needs the confidences of task {task!r}, got only {sorted(self.confidences)}: '
                             'name a task whose head predicts from every modality alone')
        return self.confidences[task]

    def mean(self, task: str, sums: Tensor) -> Tensor:
        """``sums`` over the number of samples labelled for ``task``; 0 where there is none."""
        return sums / torch.as_tensor(self.counts.get(task, 1), device=sums.device).clamp_min(1)


class Balancer(ABC):
    """Turns the inner products and confidences of one step into a weight for each modality and task.

    A subclass implements :meth:`weights` and states as class or instance attributes what it asks for:

    * ``space``: where the Gramian is measured; ``'parameter'`` (gradients of the encoder parameters, one encoder
      backward pass per task) or ``'feature'`` (gradients of the features, one pass in all);
    * ``needs``: any of ``'gramian'``, ``'confidences'``, ``'hits'``, ``'losses'``. Without ``'gramian'`` a step costs
      one pass. ``'tensors'`` asks for the gradients of each parameter tensor apart (one pass per task that reaches the
      encoders): then :meth:`combine` makes one of them.

    Weights are treated as constants: inputs arrive detached and no gradient flows through a balancer.

    Attributes:
        diagnostics (dict[str, Tensor]): What the last step should log: ``(M, )`` for one value per modality, 0-dim for
            one value per step.
    """

    needs: frozenset[str] = frozenset()
    space: str = 'parameter'
    spaces: ClassVar[tuple[str, ...]] = ('parameter', 'feature')
    #: Arguments of a small example, beside classes, domains and tasks: what the tests of all classes build.
    example: ClassVar[Mapping[str, Any]] = {}
    #: Objectives that the example reads.
    example_objectives: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def __init__(self, space: str | None = None) -> None:
        self.space = choose('space', space or self.space, self.spaces)
        self.diagnostics: dict[str, Tensor] = {}

    def balances(self, task: str) -> bool:
        """Whether the losses of ``task`` are weighted here; all others are added with weight 1."""
        return True

    @abstractmethod
    def weights(self, inputs: BalanceInputs) -> Tensor:
        """Weights of shape ``(M, T)``; rows follow ``inputs.modalities``, columns ``inputs.tasks``."""

    def __call__(self, inputs: BalanceInputs) -> Tensor:
        """Check that what this balancer asks for is there, then return its weights ``(M, T)``.

        Raises:
            ValueError: If ``inputs`` lacks something that ``needs`` names.
        """
        given = {'gramian': inputs.gramian, 'losses': inputs.losses, 'confidences': inputs.confidences or None,
                 'hits': inputs.hits or None, 'tensors': True}
        missing = sorted(name for name in self.needs if given[name] is None)
        if missing:
            raise ValueError(f'{type(self).__name__} needs {", ".join(missing)} in BalanceInputs, got none')
        self.diagnostics = {}
        with torch.no_grad():
            return self.weights(inputs)

    def combine(self, gradients: Sequence[Tensor | None], weights: Tensor) -> Tensor | None:
        """The gradient of one encoder parameter; called for each of them if ``needs`` holds ``'tensors'``.

        Args:
            gradients (Sequence[Tensor | None]): One for each task, averaged over processes; ``None`` where a task does
                not reach the parameter. May be overwritten.
            weights (Tensor): Row of :meth:`weights` that belongs to the parameter's modality, ``(T, )``.
        """
        present = [scaled(gradient, weight) for gradient, weight in zip(gradients, weights) if gradient is not None]
        return torch.stack(present).sum(0) if present else None

    def check(self, shapes: Mapping[str, Sequence[torch.Size]]) -> None:  # noqa: B027
        """Told the shapes of the parameters that it moves, by modality, before the first step and when they change.

        The place to refuse an encoder that this balancer can do nothing for.
        """

    def notice(self, values: Mapping[str, float]) -> None:  # noqa: B027
        """Told the scalar diagnostics of a step once they are on the host: the place for warnings and counts.

        :meth:`weights` should not look at values, because looking at one waits for the device.
        """

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs; empty for a balancer without memory."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: If there is something to restore that this balancer does not keep.
        """
        foreign = sorted(set(state) - set(self.state_dict()))
        if foreign:
            raise ValueError(f'{type(self).__name__} has no memory of {foreign}, but the checkpoint holds it: it was '
                             'written with another balancer')

    def __repr__(self) -> str:
        options = ', '.join(f'{key}={value!r}' for key, value in vars(self).items()
                            if key not in ('diagnostics', 'needs') and not key.startswith('_'))
        return f'{type(self).__name__}({options})'


def scaled(gradient: Tensor, weight: Tensor | float) -> Tensor:
    """``weight * gradient``; a weight of 0 gives 0 even where the gradient is not finite."""
    if not isinstance(weight, Tensor):
        return weight * gradient
    # A small weight vanishes in half precision; its product with a scaled gradient need not.
    wide = torch.promote_types(gradient.dtype, torch.float32)
    factor = weight.to(gradient.device, wide)
    return torch.where(factor == 0, 0.0, factor * gradient.to(wide)).to(gradient.dtype)


def task_names(tasks: Sequence[str]) -> tuple[str, ...]:
    """``tasks`` as a tuple.

    Raises:
        ValueError: If it is one string, whose letters would be taken for names, or empty.
    """
    if isinstance(tasks, str) or not tasks:
        raise ValueError(f"tasks={tasks!r} must be a sequence of task names such as ('cls', 'domain')")
    return tuple(tasks)
