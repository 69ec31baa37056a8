"""The average of the weights over the steps is the model that is validated, selected, tested and published."""

import math
from typing import Any

import torch
from mmengine.dist import all_reduce_params
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.checkpoint import load_state_dict

from mmda_ext.registry import HOOKS

#: Where MMEngine keeps the weights that train in a checkpoint; ``state_dict`` holds the averaged ones.
RAW = 'ema_state_dict'


@HOOKS.register_module()
class AveragedWeightsHook(EMAHook):
    r"""MMEngine's ``EMAHook``, changed in six points.

    .. math::
        \text{ExponentialMovingAverage:}\quad \bar\theta \leftarrow (1 - m)\, \bar\theta + m\, \theta, \qquad
        \text{StochasticWeightAverage:}\quad \bar\theta \leftarrow \bar\theta + \frac{\theta - \bar\theta}{n + 1}

    after each optimizer step. The second is the plain mean of the weights (Izmailov et al., UAI 2018).

    * The first average starts at the weights before the first averaged step, as published; upstream, at those after it.
    * Parts of an accumulated step do not count.
    * Statistics of BatchNorm are averaged like the weights, and over processes; integer buffers are copied.
    * A test needs no second model, and the best checkpoint holds the averaged weights alone.
    * ``load_from`` starts the average at the weights that the training starts at, whatever it loads.
    * A run is not resumed from a checkpoint without the average.

    Args:
        ema_type (str): An averaged model of MMEngine.
        begin (float): Share of the iterations after which averaging starts; before, the average is the model. At 1
            nothing is averaged.
        momentum (float, optional): :math:`m` in (0, 1), the weight of the *new* value: 0.001 for a decay of 0.999. By
            default that of MMEngine.
        interval (int): Optimizer steps between two values that are averaged.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(self, ema_type: str = 'ExponentialMovingAverage', begin: float = 0.0, momentum: float | None = None,
                 interval: int = 1) -> None:
        if isinstance(begin, bool) or not isinstance(begin, (int, float)) or not 0 <= begin <= 1:
            raise ValueError(f'AveragedWeightsHook: begin={begin!r} must be a share of the training, from 0 to 1')
        if isinstance(interval, bool) or not isinstance(interval, int) or interval < 1:
            raise ValueError(f'AveragedWeightsHook: interval={interval!r} must be an integer >= 1')
        if momentum is not None and not (isinstance(momentum, float) and 0 < momentum < 1):
            raise ValueError(f'AveragedWeightsHook: momentum={momentum!r} must lie between 0 and 1: it is the weight '
                             'of the new value, 0.001 for a decay of 0.999')
        own = {} if momentum is None else dict(momentum=momentum)
        super().__init__(ema_type, strict_load=True, interval=interval, update_buffers=True, **own)
        self.begin = begin
        self._averages = False

    def before_run(self, runner: Runner) -> None:
        self._averages = isinstance(runner._train_loop, BaseLoop)
        if self._averages:
            super().before_run(runner)

    def before_train(self, runner: Runner) -> None:
        self.begin_iter = math.ceil(self.begin * runner.max_iters)
        if runner.iter == 0:
            self.ema_model.module.load_state_dict(self.src_model.state_dict())
            if isinstance(self.ema_model, ExponentialMovingAverage):
                # The first value is the start, and counts.
                self.ema_model.steps.fill_(1)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Any] | None = None) -> None:
        if runner.optim_wrapper.should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
            self._copy_counts()

    def _ema_started(self, runner: Runner) -> bool:
        # Counted from 0: the step that was just made is step `runner.iter`.
        return runner.iter >= self.begin_iter

    @torch.no_grad()
    def _copy_counts(self) -> None:
        """Integer buffers, which upstream copies at the first step alone, and those that no checkpoint holds."""
        averaged = self.ema_model.avg_parameters
        for (name, mine), theirs in zip(self.ema_model.module.named_buffers(), self.src_model.buffers()):
            if name not in averaged or not mine.is_floating_point():
                mine.copy_(theirs)

    def after_train_epoch(self, runner: Runner) -> None:
        # Each process has statistics of its own; the first one's would be saved, and all of them validated.
        all_reduce_params((value for value in self.ema_model.module.buffers() if value.is_floating_point()), op='mean')

    def _swap_ema_parameters(self) -> None:
        if self._averages:
            super()._swap_ema_parameters()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        if 'optimizer' not in checkpoint:
            # For testing: nothing continues from it.
            del checkpoint[RAW]

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Take up the average of a resumed run, or the weights that are to be tested.

        Raises:
            ValueError: If a run is to be resumed from a checkpoint without the average.
        """
        if not self._averages:
            return
        if not runner._resume or runner._has_loaded:
            found = checkpoint.get('state_dict', checkpoint)
            load_state_dict(self.ema_model.module, found, strict=False)
            return
        if RAW not in checkpoint:
            raise ValueError(f'--resume: checkpoint {runner._load_from or "of the work dir"} was written without '
                             'AveragedWeightsHook, so it holds no average to continue: take the hook out of the '
                             'config, or start a new run from it with load_from')
        super().after_load_checkpoint(runner, checkpoint)
