"""Optimizer wrappers that weight the losses of a step by task and modality."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce_params, get_world_size
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from mmda_ext.balancing import BalanceInputs, Balancer
from mmda_ext.compat import allow_cpu_amp
from mmda_ext.engine.optim_wrappers.gradients import (
    Grads,
    Parameters,
    TaskGradient,
    add_grads,
    backward_encoder,
    combine,
    fill_missing,
    gramian,
    weighted_sum,
)
from mmda_ext.engine.optim_wrappers.measurements import Measurements
from mmda_ext.models.step import StepRecord
from mmda_ext.registry import BALANCERS, OPTIM_WRAPPERS, SCOPE

#: Row of the losses that the balancer leaves alone, taken together.
REST = ''


class BalancedMixin:
    r"""Writes :math:`G^m = \sum_t w[m, t]\, J_m^T\, dL_t/dz^m` into the encoders; stands before a stock wrapper.

    Heads receive the plain gradient of all losses; losses that the balancer does not balance have weight 1. Gradients
    are averaged over processes, and confidences summed, *before* the balancer sees them, so that two processes do what
    one process does with the joined batch; accumulated batches likewise. Clipping follows the combination.

    A step costs one encoder backward pass if the balancer needs no inner products of parameter gradients, else one per
    balanced task (plus one for the other losses together, if any reaches the encoders). With
    ``accumulative_counts > 1`` the weights are known only after the last part: every balancer costs one pass per task.

    Args:
        balancer (dict | Balancer): Config of a balancer, or the balancer itself.
        kwargs: As the stock wrapper: ``optimizer``, ``accumulative_counts``, ``clip_grad``, ...
    """

    # Of the stock wrapper behind.
    _inner_count: int
    _accumulative_counts: int

    def __init__(self, *args: Any, balancer: dict | Balancer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Balancers are ours alone: look them up here whatever the default scope of the config is.
        self.balancer: Balancer = balancer if isinstance(balancer, Balancer) else BALANCERS.build(
            {'_scope_': SCOPE, **balancer})
        self._model: Any = None
        self._all_parameters: list[nn.Parameter] = []
        self._sorted: Parameters | None = None
        self._sorted_for: tuple = ()
        self._reset()

    def _reset(self) -> None:
        self._measured: Measurements | None = None
        self._rows: dict[str, dict[str, Grads]] = {}

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """As the stock wrapper; learns the model.

        Raises:
            TypeError: If the model keeps no record of its step.
        """
        bare = model.module if is_model_wrapper(model) else model
        if not hasattr(bare, 'take_step_record'):
            raise TypeError(f'{type(self).__name__} balances models that keep a record of the step, such as '
                            f'mmda_ext.MultimodalRecognizer; {type(bare).__name__} does not: use OptimWrapper')
        self._model = bare
        with super().optim_context(model):  # type: ignore[misc]
            yield

    def should_sync(self) -> bool:
        """Never let DDP reduce: ``autograd.grad`` fires none of its hooks, so gradients are reduced by hand."""
        return False

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """One (micro-)step from the model's record; ``loss`` is the sum of its losses, as a stock wrapper takes it."""
        record = self._model.take_step_record()
        parameters = self._parameters_of(self._model)
        gradients = self._task_gradients(record, parameters)
        if self._measured is None:
            self._measured = Measurements(record, self.balancer)
        self._measured.add(record, gradients)
        if not self._one_pass:
            self._accumulate(record, gradients, parameters)
        self._inner_count += 1
        if not self.should_update():  # type: ignore[attr-defined]
            return
        inputs, weights = self._write(record, gradients, parameters)
        self._reset()
        del record, gradients
        self._step_and_zero(step_kwargs or {}, zero_kwargs or {})
        self._log(inputs, weights)

    def _parameters_of(self, model: Any) -> Parameters:
        """The model's parameters by part; sorted anew only when the model or what trains in it has changed."""
        trainable = (id(model), tuple(p.requires_grad for p in self._all_parameters))
        if self._sorted is None or self._sorted_for != trainable:
            self._all_parameters = list(model.parameters())
            self._sorted_for = (id(model), tuple(p.requires_grad for p in self._all_parameters))
            self._sorted = Parameters(model.modality_parameters(), model.local_parameters(), model)
            self.balancer.check({name: [p.shape for p in self._sorted.of(name)] for name in self._sorted.encoders})
        return self._sorted

    @property
    def _one_pass(self) -> bool:
        """Whether the weights are known before the encoders' backward pass."""
        needs = self.balancer.needs
        reads_parameters = 'tensors' in needs or ('gramian' in needs and self.balancer.space == 'parameter')
        return not reads_parameters and self._accumulative_counts == 1

    def _scaled(self, loss: Tensor) -> Tensor:
        """The loss as it is differentiated: divided by the number of accumulated parts."""
        return self.scale_loss(loss)  # type: ignore[attr-defined]

    def _gradient_scale(self, like: Tensor) -> Tensor | float:
        """Factor that mixed precision leaves in the gradients until the optimizer steps."""
        return 1.0

    def _task_gradients(self, record: StepRecord, parameters: Parameters) -> dict[str, TaskGradient]:
        """Gradients at the features and behind them, by balanced task and for the rest; heads get theirs."""
        groups = {task: loss for task, loss in record.losses.items() if self.balancer.balances(task)}
        rest = [loss for task, loss in record.losses.items() if task not in groups]
        if rest:
            groups[REST] = torch.stack([loss.reshape(()) for loss in rest]).sum()
        gradients, outputs = {}, record.outputs()
        for task, loss in groups.items():
            known = record.feature_gradients.get(task)
            # A gradient that an objective knows is scaled like the loss that it would come from.
            scale = self._scaled(torch.ones((), device=loss.device)) if known is not None else None
            gradients[task] = TaskGradient(self._scaled(loss), outputs, parameters, known, scale)
            for parameter, grad in zip(parameters.heads, gradients[task].heads):
                if grad is not None:
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad
            gradients[task].heads = []
        return gradients

    def _accumulate(self, record: StepRecord, gradients: dict[str, TaskGradient], parameters: Parameters) -> None:
        """One backward pass through the encoders per row; the last one of a modality frees its graph."""
        outputs = record.outputs()
        for name in reversed(list(outputs)):
            reaching = [task for task in gradients if name in gradients[task].features]
            for task, gradient in gradients.items():
                encoder = backward_encoder(
                    outputs[name], gradient.features.get(name), parameters.encoders[name],
                    retain_graph=bool(reaching) and task != reaching[-1])
                rows = self._rows.setdefault(task, {})
                rows[name] = add_grads(rows.get(name), [*gradient.local[name], *encoder])

    def _write(self, record: StepRecord, gradients: dict[str, TaskGradient],
               parameters: Parameters) -> tuple[BalanceInputs, Tensor]:
        """Ask the balancer, and put the combined gradient in place, averaged over processes."""
        assert self._measured is not None
        tasks, modalities = self._measured.tasks, self._measured.modalities
        gram = None
        if not self._one_pass:
            self._reduce(parameters, self._rows)
            if 'gramian' in self.balancer.needs and not self._measured.in_features:
                gram = torch.stack([gramian([self._rows[t][m] for t in tasks]) for m in modalities])
        scale = self._gradient_scale(next(iter(record.features.values())))
        inputs = self._measured.inputs(gram, scale, self.message_hub.get_info('epoch'))  # type: ignore[attr-defined]
        weights = self.balancer(inputs)
        if self._one_pass:
            self._rows = {REST: self._single_pass(record, gradients, parameters, weights)}
            self._reduce(parameters, self._rows)
        for m, name in enumerate(modalities):
            for parameter, grad in zip(parameters.of(name), self._combined(name, weights[m])):
                parameter.grad = grad
        return inputs, weights

    def _combined(self, modality: str, weights: Tensor) -> Grads:
        """One gradient per parameter of ``modality``, from the rows and the weights ``(T, )`` of its tasks."""
        assert self._measured is not None
        rest = [self._rows[REST][modality]] if REST in self._rows else []
        if self._one_pass:
            return combine(rest, [1.0])
        rows = [self._rows[task][modality] for task in self._measured.tasks]
        if 'tensors' not in self.balancer.needs:
            return combine([*rows, *rest], [*weights, *[1.0] * len(rest)])
        with torch.no_grad():
            total = [self.balancer.combine(gradients, weights) for gradients in zip(*rows)]
        return combine([total, *rest], [1.0] * (1 + len(rest)))

    def _single_pass(self, record: StepRecord, gradients: dict[str, TaskGradient], parameters: Parameters,
                     weights: Tensor) -> dict[str, Grads]:
        """Weighted cotangents through each encoder once: exact, because a backward pass is linear."""
        assert self._measured is not None
        outputs = record.outputs()
        out: dict[str, Grads] = {}
        for m, name in reversed(list(enumerate(self._measured.modalities))):
            factors = dict(zip(self._measured.tasks, weights[m]))
            parts = [(gradient, factors.get(task, 1.0)) for task, gradient in gradients.items()]
            cotangents = [weighted_sum([(factor, gradient.features[name][index]) for gradient, factor in parts
                                        if name in gradient.features]) for index in range(len(outputs[name]))]
            encoder = backward_encoder(outputs[name], cotangents, parameters.encoders[name], retain_graph=False)
            local = combine([gradient.local[name] for gradient, _ in parts], [factor for _, factor in parts])
            out[name] = [*local, *encoder]
        return out

    def _reduce(self, parameters: Parameters, rows: dict[str, dict[str, Grads]]) -> None:
        """Average rows and head gradients over processes, in flat buckets."""
        if get_world_size() == 1:
            return
        for name in parameters.encoders:
            fill_missing([row[name] for row in rows.values()], parameters.of(name))
        for head in parameters.heads:
            head.grad = torch.zeros_like(head) if head.grad is None else head.grad
        tensors = [grad for row in rows.values() for grads in row.values() for grad in grads]
        all_reduce_params([*tensors, *(head.grad for head in parameters.heads)], bucket_size_mb=32, op='mean')

    def _step_and_zero(self, step_kwargs: dict, zero_kwargs: dict) -> None:
        self.step(**step_kwargs)  # type: ignore[attr-defined]
        self.zero_grad(**zero_kwargs)  # type: ignore[attr-defined]

    def _log(self, inputs: BalanceInputs, weights: Tensor) -> None:
        """Weights and diagnostics, moved to the host in one copy.

        A value for each modality is logged as ``balance/<name>_<modality>``, a 0-dim one as ``balance/<name>``.
        """
        table = {f'weight_{task}': weights[:, t] for t, task in enumerate(inputs.tasks)}
        table.update(self.balancer.diagnostics)
        if not table:
            return
        names = [key if not suffix else f'{key}_{suffix}' for key, value in table.items()
                 for suffix in (inputs.modalities if value.dim() else ('', ))]
        values = torch.cat([value.detach().to(weights).reshape(-1) for value in table.values()]).tolist()
        self.balancer.notice({name: value for name, value in zip(names, values) if name in table})
        for name, value in zip(names, values):
            self.message_hub.update_scalar(f'train/balance/{name}', value)  # type: ignore[attr-defined]

    def state_dict(self) -> dict:
        """State of the stock wrapper and of the balancer."""
        return {**super().state_dict(), 'balancer': self.balancer.state_dict()}  # type: ignore[misc]

    def load_state_dict(self, state_dict: dict) -> None:
        """Restore wrapper and balancer; a checkpoint of a stock wrapper holds no balancer and is fine."""
        state = dict(state_dict)
        self.balancer.load_state_dict(state.pop('balancer', {}))
        super().load_state_dict(state)  # type: ignore[misc]


@OPTIM_WRAPPERS.register_module()
class BalancedOptimWrapper(BalancedMixin, OptimWrapper):
    """The stock wrapper with :class:`BalancedMixin` before it: weights the losses by task and modality."""


@OPTIM_WRAPPERS.register_module()
class AmpBalancedOptimWrapper(BalancedMixin, AmpOptimWrapper):
    """Mixed-precision form of :class:`BalancedOptimWrapper`; bfloat16 on a CPU.

    The balancer sees unscaled inner products. A step that the gradient scaler skips leaves its state alone.

    Args:
        balancer (dict | Balancer): As in :class:`BalancedOptimWrapper`.
        kwargs: As ``AmpOptimWrapper``: ``dtype``, ``loss_scale``, ...
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        allow_cpu_amp()
        super().__init__(*args, **kwargs)

    def _scaled(self, loss: Tensor) -> Tensor:
        return self.loss_scaler.scale(super()._scaled(loss))

    def _gradient_scale(self, like: Tensor) -> Tensor | float:
        return self.loss_scaler.scale(torch.ones((), device=like.device))

    def _write(self, record: StepRecord, gradients: dict[str, TaskGradient],
               parameters: Parameters) -> tuple[BalanceInputs, Tensor]:
        self._memory = self.balancer.state_dict()
        return super()._write(record, gradients, parameters)

    def _step_and_zero(self, step_kwargs: dict, zero_kwargs: dict) -> None:
        scale = self.loss_scaler.get_scale() if self._memory else 0.0
        super()._step_and_zero(step_kwargs, zero_kwargs)
        if self._memory and self.loss_scaler.get_scale() < scale:
            self.balancer.load_state_dict(self._memory)
