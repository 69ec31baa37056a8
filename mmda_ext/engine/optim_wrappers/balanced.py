"""Optimizer wrappers that weight the losses of a step by task and modality."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from mmda_ext.balancing import BalanceInputs, Balancer
from mmda_ext.compat import allow_cpu_amp
from mmda_ext.gradients import BalancedUpdate, Parameters
from mmda_ext.models.progress import training_progress
from mmda_ext.registry import BALANCERS, OPTIM_WRAPPERS, SCOPE


class BalancedMixin:
    r"""Writes :math:`G^m = \sum_t w[m, t]\, J_m^T\, dL_t/dz^m` into the encoders; stands before a stock wrapper.

    The gradients are :class:`mmda_ext.gradients.BalancedUpdate`'s; here is what MMEngine adds: accumulation, loss
    scale, distributed models, the log and checkpoints. Clipping follows the combination.

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
        self._update: BalancedUpdate | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """As the stock wrapper; tells the model to end the graph of the step at the features.

        Raises:
            TypeError: If the model keeps no record of its step.
        """
        self._model = model.module if is_model_wrapper(model) else model
        if not hasattr(self._model, 'take_step_record'):
            raise TypeError(f'{type(self).__name__} balances models that keep a record of the step, such as '
                            f'mmda_ext.MultimodalRecognizer; {type(self._model).__name__} does not: use OptimWrapper')
        probed = self.balancer.balances if self.balancer.needs & {'confidences', 'hits'} else None
        with super().optim_context(model), self._model.cutting(probed):  # type: ignore[misc]
            if isinstance(model, nn.parallel.DistributedDataParallel) and self._update is None:
                # DDP broadcasts buffers in the forward pass that follows a reduction, and here it never reduces.
                model.require_forward_param_sync = True
            yield

    def should_sync(self) -> bool:
        """Never let DDP reduce: it knows of one backward pass only, so gradients are averaged by the engine."""
        return False

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """One (micro-)step from the model's record; ``loss`` is the sum of its losses, as a stock wrapper takes it."""
        record = self._model.take_step_record()
        if self._update is None:
            self._update = BalancedUpdate(self.balancer, self._parameters_of(self._model), self._accumulative_counts)
        factor = self._scaled(torch.ones((), device=loss.device))
        self._update.add(record.step.cut, record.losses, record.probes, record.gradients, factor)
        del record
        self._inner_count += 1
        if not self.should_update():  # type: ignore[attr-defined]
            return
        epoch = training_progress(self.message_hub).epoch  # type: ignore[attr-defined]
        inputs, weights = self._finish(self._update, factor, epoch)
        self._update = None
        self._step_and_zero(step_kwargs or {}, zero_kwargs or {})
        self._log(inputs, weights)

    def _parameters_of(self, model: Any) -> Parameters:
        """The model's parameters by part; sorted anew only when the model or what trains in it has changed."""
        trainable = (id(model), tuple(p.requires_grad for p in self._all_parameters))
        if self._sorted is None or self._sorted_for != trainable:
            self._all_parameters = list(model.parameters())
            self._sorted_for = (id(model), tuple(p.requires_grad for p in self._all_parameters))
            self._sorted = Parameters(model.encoder_parameters(), model.local_parameters(), self._all_parameters)
            self.balancer.check({name: [p.shape for p in self._sorted.of(name)] for name in self._sorted.encoders})
        return self._sorted

    def _scaled(self, loss: Tensor) -> Tensor:
        """The loss as it is differentiated: divided by the number of accumulated parts."""
        return self.scale_loss(loss)  # type: ignore[attr-defined]

    def _finish(self, update: BalancedUpdate, like: Tensor, epoch: int | None) -> tuple[BalanceInputs, Tensor]:
        return update.finish(epoch=epoch)

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

    The balancer sees unscaled gradients. A step that the gradient scaler skips leaves its state alone.

    Args:
        balancer (dict | Balancer): As in :class:`BalancedOptimWrapper`.
        kwargs: As ``AmpOptimWrapper``: ``dtype``, ``loss_scale``, ...
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        allow_cpu_amp()
        super().__init__(*args, **kwargs)
        self._stepped = False
        self.optimizer.register_step_post_hook(self._notice_step)

    def _notice_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        # A scaler does not call the optimizer after an overflow, but for fused ones, which it tells.
        self._stepped = not float(getattr(optimizer, 'found_inf', 0.0))

    def _scaled(self, loss: Tensor) -> Tensor:
        return self.loss_scaler.scale(super()._scaled(loss))

    def _finish(self, update: BalancedUpdate, like: Tensor, epoch: int | None) -> tuple[BalanceInputs, Tensor]:
        self._memory = self.balancer.state_dict()
        return update.finish(self.loss_scaler.scale(torch.ones((), device=like.device)), epoch)

    def _step_and_zero(self, step_kwargs: dict, zero_kwargs: dict) -> None:
        self._stepped = False
        super()._step_and_zero(step_kwargs, zero_kwargs)
        if self._memory and not self._stepped:
            self.balancer.load_state_dict(self._memory)
