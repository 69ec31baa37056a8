"""One optimizer step: losses by task in, ``.grad`` of everything out."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmda_ext.balancing import BalanceInputs, Balancer
from mmda_ext.gradients.cut import Cut
from mmda_ext.gradients.measurements import Measurements
from mmda_ext.gradients.parameters import Parameters
from mmda_ext.gradients.passes import TaskGradient, backward_encoder, encoder_gradients
from mmda_ext.gradients.probe import Probe
from mmda_ext.gradients.processes import anywhere, average, world_size
from mmda_ext.gradients.tensors import Grads, add_grads, apart, combine, gramian, weighted_sum

#: Row of the losses that the balancer leaves alone, taken together.
REST = ''
KnownGradients = Mapping[str, Mapping[str, Tensor]]


class BalancedUpdate:
    r"""Adds :math:`G^m = \sum_t w[m, t]\, J_m^T\, dL_t/dz^m` to the ``.grad`` of the encoders.

    Everything else gets what ``sum(losses).backward()`` would give it: heads, losses that the balancer does not
    balance, and what reaches an encoder besides its features. Gradients are averaged over processes, and confidences
    summed, *before* the balancer sees them, so that two processes do what one does with the joined batch; the parts of
    an accumulated step likewise.

    A step costs one encoder backward pass if the balancer needs no inner products of parameter gradients, else one per
    balanced task (plus one for the other losses together, if any reaches the encoders). With several parts the weights
    are known only after the last: every balancer costs one pass per task.

    Args:
        balancer (Balancer): The rule.
        parameters (Parameters): What gets a gradient, by part.
        parts (int): Batches that are accumulated before :meth:`finish`.

    Raises:
        ValueError: If there are several processes and ``parameters`` does not name the others.
    """

    def __init__(self, balancer: Balancer, parameters: Parameters, parts: int = 1) -> None:
        if world_size() > 1 and parameters.heads is None:
            raise ValueError('several processes average the gradients of all parameters here: name those behind the '
                             'features too, as `others`')
        self.balancer, self.parameters = balancer, parameters
        reads_gramian = 'gramian' in balancer.needs and balancer.space == 'parameter'
        self.one_pass = not reads_gramian and 'tensors' not in balancer.needs and parts == 1
        self.measured = Measurements(balancer, tuple(parameters.encoders))
        self._sums: dict[str, dict[str, Grads]] = {}
        self._last: tuple[Cut, dict[str, TaskGradient]] | None = None

    def add(self, cut: Cut, losses: Mapping[str, Tensor], probes: Mapping[str, Probe] | None = None,
            known: KnownGradients | None = None, factor: Tensor | None = None) -> None:
        """Take in one part of the step: all of its losses, of one batch.

        Args:
            cut (Cut): The features that the losses were computed from.
            losses (dict[str, Tensor]): Task -> scalar.
            probes (dict[str, Probe], optional): Task -> what each modality alone predicts.
            known (dict[str, dict[str, Tensor]], optional): Task -> modality -> gradient of its loss at the features
                ``(N, D_m)``, where it is known in closed form.
            factor (Tensor, optional): What every loss is multiplied by, 0-dim: loss scale, share of the step.
        """
        if not self.one_pass:
            self.parameters.check(cut.outputs)
        gradients = self._task_gradients(cut, losses, known or {}, factor)
        self.measured.add(losses, probes or {}, gradients)
        self._last = (cut, gradients)
        if not self.one_pass:
            self._accumulate(cut, gradients)

    def _task_gradients(self, cut: Cut, losses: Mapping[str, Tensor], known: KnownGradients,
                        factor: Tensor | None) -> dict[str, TaskGradient]:
        groups = {task: loss for task, loss in losses.items() if self.balancer.balances(task)}
        rest = [loss.reshape(()) for task, loss in losses.items() if task not in groups]
        if rest:
            groups[REST] = torch.stack(rest).sum()
        return {task: TaskGradient(loss, cut, self.parameters, factor, known.get(task))
                for task, loss in groups.items()}

    def _accumulate(self, cut: Cut, gradients: dict[str, TaskGradient]) -> None:
        """One backward pass through the encoders per task; the last one of a modality frees its graph."""
        for name in reversed(list(cut.outputs)):
            reaching = [task for task in gradients if name in gradients[task].features]
            for task, gradient in gradients.items():
                encoder = encoder_gradients(
                    cut.outputs[name], gradient.features.get(name, []), self.parameters.encoders[name],
                    retain_graph=bool(reaching) and task != reaching[-1])
                sums = self._sums.setdefault(task, {})
                sums[name] = add_grads(sums.get(name), [*gradient.local[name], *encoder])

    def finish(self, scale: Tensor | float = 1.0, epoch: int | None = None) -> tuple[BalanceInputs, Tensor]:
        """Ask the balancer and write the gradients; what it was told, and its weights ``(M, T)``.

        Args:
            scale (Tensor | float): Loss scale of mixed precision in all gradients.
            epoch (int, optional): Epoch of the run, from 0, for balancers that ask.

        Raises:
            ValueError: If the balancer balances none of the losses.
        """
        tasks, modalities = self.measured.tasks, self.measured.modalities
        gram = None
        if not self.one_pass and tasks:
            self._reduce(self._sums)
            if 'gramian' in self.balancer.needs and not self.measured.in_features:
                gram = torch.stack([gramian([self._sum(t, m) for t in tasks], self._device()) for m in modalities])
        inputs = self.measured.inputs(gram, scale, epoch)
        weights = self.balancer(inputs)
        if self.one_pass:
            self._single_pass(weights)
            self._reduce({})
        else:
            for m, name in enumerate(modalities):
                self._write(name, self._combined(name, weights[m], scale))
        self._sums, self._last = {}, None
        return inputs, weights

    def _device(self) -> torch.device:
        return next(p.device for own in self.parameters.encoders.values() for p in own)

    def _sum(self, task: str, modality: str) -> Grads:
        return self._sums.get(task, {}).get(modality, [None] * len(self.parameters.of(modality)))

    def _single_pass(self, weights: Tensor) -> None:
        """Weighted cotangents through each encoder once: exact, because a backward pass is linear."""
        assert self._last is not None
        cut, gradients = self._last
        for m, name in reversed(list(enumerate(self.measured.modalities))):
            factors = dict(zip(self.measured.tasks, weights[m]))
            parts = [(factors.get(task, 1.0), gradient) for task, gradient in gradients.items()]
            cotangents = [weighted_sum([(factor, gradient.features[name][index]) for factor, gradient in parts
                                        if name in gradient.features]) for index in range(len(cut.outputs[name]))]
            backward_encoder(cut.outputs[name], cotangents)
            local = combine([gradient.local[name] for _, gradient in parts], [factor for factor, _ in parts])
            self._write(name, [*local, *[None] * len(self.parameters.encoders[name])])

    def _combined(self, modality: str, weights: Tensor, scale: Tensor | float) -> Grads:
        """One gradient per parameter of ``modality``, from those of its tasks and their weights ``(T, )``."""
        rest = [self._sum(REST, modality)] if REST in self._sums else []
        sums = [self._sum(task, modality) for task in self.measured.tasks]
        if 'tensors' not in self.balancer.needs:
            return combine([*sums, *rest], [*weights, *[1.0] * len(rest)])
        with torch.no_grad():
            bare = [[None if grad is None else grad / scale for grad in gradients] for gradients in zip(*sums)]
            total = [self.balancer.combine(gradients, weights) for gradients in bare]
            scaled = [None if grad is None else grad * scale for grad in total]
        return combine([scaled, *rest], [1.0] * (1 + len(rest)))

    def _write(self, modality: str, gradients: Grads) -> None:
        """Add to ``.grad`` of a modality's parameters, where gradients that bypass the features are already."""
        parameters = self.parameters.of(modality)
        total = add_grads([p.grad for p in parameters], gradients)
        for parameter, grad in zip(parameters, apart(total)):
            parameter.grad = grad

    def _reduce(self, sums: Mapping[str, Mapping[str, Grads]]) -> None:
        """Average the gradients of each task, and what is in ``.grad`` already, over processes."""
        if world_size() == 1:
            return
        encoders = [p for name in self.parameters.encoders for p in self.parameters.of(name)]
        written = [*(self.parameters.heads or ()), *(encoders if self.one_pass or self._bypassed(encoders) else ())]
        grads: Grads = [p.grad for p in written]
        average([(grads, written), *((grad, self.parameters.of(name)) for own in sums.values()
                                     for name, grad in own.items())])
        for parameter, grad in zip(written, grads):
            parameter.grad = grad

    def _bypassed(self, encoders: list[torch.nn.Parameter]) -> bool:
        """Whether any process has gradients of encoders besides those through the features; agreed upon once.

        Raises:
            RuntimeError: If this process has one although none had before.
        """
        own = any(parameter.grad is not None for parameter in encoders)
        if self.parameters.bypassed is None:
            self.parameters.bypassed = anywhere(own, self._device())
        if own and not self.parameters.bypassed:
            raise RuntimeError('a loss reaches an encoder besides its features in this step, but did not in the first '
                               'one: with several processes it must be there in every step, as 0 where it says nothing')
        return self.parameters.bypassed
