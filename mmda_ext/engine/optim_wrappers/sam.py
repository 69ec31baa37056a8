"""Optimizer wrappers that step with the gradient at the worst point nearby."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from mmda_ext import epsilons
from mmda_ext.balancing import Balancer
from mmda_ext.compat import allow_cpu_amp
from mmda_ext.engine.optim_wrappers.balanced import AmpBalancedOptimWrapper, BalancedOptimWrapper
from mmda_ext.engine.random_state import random_state, replayed
from mmda_ext.registry import OPTIM_WRAPPERS


class SAMMixin:
    r"""Sharpness-aware minimization (Foret et al., ICLR 2021); stands before a stock or a balancing wrapper.

    .. math::
        \epsilon = \rho \frac{g}{\lVert g \rVert}, \qquad
        \text{adaptive:}\ \epsilon = \rho \frac{\theta^2 g}{\lVert \theta g \rVert}, \qquad
        g = G(\theta)

    over all trained parameters together; the optimizer steps from :math:`\theta` with :math:`G(\theta + \epsilon)` of
    the same batch. :math:`G` is what the wrapper behind computes: under a balancer the balanced gradient, both times.
    The second pass draws the same random numbers (dropout), and what it changes in buffers (BatchNorm statistics,
    memories of objectives) is put back; the memory of a balancer moves once, by the pass whose gradient is stepped
    with. Gradients are clipped before the step alone. A step costs two.

    Args:
        rho (float): :math:`\rho > 0`.
        adaptive (bool): The form of Kwon et al., ICML 2021, that does not depend on the scale of the weights.
        kwargs: As the wrapper behind.

    Raises:
        ValueError: If ``rho`` is not positive or finite, or gradients are to be accumulated: the second pass would
            need all parts once more.
    """

    # Of the wrapper behind.
    _inner_count: int
    optimizer: torch.optim.Optimizer

    def __init__(self, *args: Any, rho: float = 0.05, adaptive: bool = False, **kwargs: Any) -> None:
        if isinstance(rho, bool) or not isinstance(rho, (int, float)) or not 0 < rho < float('inf'):
            raise ValueError(f'{type(self).__name__}: rho={rho!r} must be a positive number')
        super().__init__(*args, **kwargs)
        if self._accumulative_counts > 1:  # type: ignore[attr-defined]
            raise ValueError(f'{type(self).__name__}: accumulative_counts={self._accumulative_counts}: '  # type: ignore
                             'a second pass needs the whole batch at once: set it to 1')
        self.rho, self.adaptive = rho, adaptive
        self._again = self._climbed = False
        self._call: tuple[nn.Module, tuple, dict[str, Any], tuple] | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """As the wrapper behind; notes what the model is called with, and the random numbers to come."""
        def note(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            self._call = (module, args, kwargs, random_state())

        handle = None if self._again else model.register_forward_pre_hook(note, with_kwargs=True)
        try:
            with super().optim_context(model):  # type: ignore[misc]
                yield
        finally:
            if handle is not None:
                handle.remove()

    def step(self, **kwargs: Any) -> None:
        """Climb, compute the gradient there, go back, step.

        Raises:
            RuntimeError: If the model was not called inside :meth:`optim_context`.
        """
        if self._again:
            return
        if self._call is None:
            raise RuntimeError(f'{type(self).__name__} calls the model a second time, and it was not called inside '
                               '`optim_context`: train by the runner, or by `model.train_step`')
        call, self._call = self._call, None
        moved = self._climb()
        self._climbed = bool(moved)
        if moved:
            try:
                self._second_pass(*call)
            finally:
                with torch.no_grad():
                    for parameter, value in moved:
                        parameter.copy_(value)
        super().step(**kwargs)  # type: ignore[misc]

    def zero_grad(self, **kwargs: Any) -> None:
        """As the wrapper behind; the second pass leaves its gradient for the step."""
        if not self._again:
            super().zero_grad(**kwargs)  # type: ignore[misc]

    @torch.no_grad()
    def _climb(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Add epsilon; the parameters that moved with their values before, none where a gradient is not finite."""
        trained = [p for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None]
        pulls = [(p.abs() * p.grad if self.adaptive else p.grad) for p in trained]
        if not pulls:
            return []
        norm = torch.stack([pull.norm() for pull in pulls]).norm()
        if not bool(norm.isfinite()):
            # Mixed precision skips this step; any other run is stopped by its loss.
            return []
        moved = [(p, p.clone()) for p in trained]
        for parameter, pull in zip(trained, pulls):
            direction = parameter.abs() * pull if self.adaptive else pull
            parameter.add_(direction * (self.rho / (norm + epsilons.SAM_NORM)))
        return moved

    def _second_pass(self, model: nn.Module, args: tuple, kwargs: dict[str, Any], state: tuple) -> None:
        bare: Any = model.module if is_model_wrapper(model) else model
        buffers = {name: value.clone() for name, value in bare.named_buffers()}
        count = self._inner_count
        self.zero_grad()
        self._again = True
        try:
            with replayed(state):
                with self.optim_context(model):
                    losses = model(*args, **kwargs)
                self.update_params(bare.parse_losses(losses)[0])  # type: ignore[attr-defined]
        finally:
            self._again, self._inner_count = False, count
            with torch.no_grad():
                for name, value in bare.named_buffers():
                    value.copy_(buffers[name])


class SAMBalancedMixin(SAMMixin):
    """Before a balancing wrapper: the inner update does not step; the log holds the weights that were stepped with."""

    balancer: Balancer
    _memory_before: dict[str, Any]

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """As the wrapper behind, whose step becomes a climb, a second pass and the step."""
        if self._again:
            self.balancer.load_state_dict(self._memory_before)
        self._memory_before = self.balancer.state_dict()
        super().update_params(loss, step_kwargs, zero_kwargs)  # type: ignore[misc]

    def _step_and_zero(self, step_kwargs: dict, zero_kwargs: dict) -> None:
        if not self._again:
            super()._step_and_zero(step_kwargs, zero_kwargs)  # type: ignore[misc]

    def _log(self, *args: Any) -> None:
        if self._again or not self._climbed:
            super()._log(*args)  # type: ignore[misc]


@OPTIM_WRAPPERS.register_module()
class SAMOptimWrapper(SAMMixin, OptimWrapper):
    """The stock wrapper with :class:`SAMMixin` before it."""


@OPTIM_WRAPPERS.register_module()
class AmpSAMOptimWrapper(SAMMixin, AmpOptimWrapper):
    """Mixed-precision form of :class:`SAMOptimWrapper`; bfloat16 on a CPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        allow_cpu_amp()
        super().__init__(*args, **kwargs)


@OPTIM_WRAPPERS.register_module()
class SAMBalancedOptimWrapper(SAMBalancedMixin, BalancedOptimWrapper):
    """:class:`BalancedOptimWrapper` with :class:`SAMMixin` before it: both gradients are balanced."""


@OPTIM_WRAPPERS.register_module()
class AmpSAMBalancedOptimWrapper(SAMBalancedMixin, AmpBalancedOptimWrapper):
    """Mixed-precision form of :class:`SAMBalancedOptimWrapper`."""
