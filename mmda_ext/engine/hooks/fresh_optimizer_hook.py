"""An optimizer that forgets where the loss changes."""

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.models.annealing import Jump
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class FreshOptimizerHook(Hook):
    """Empty the optimizer's memory in front of the step in which the weight of an objective jumps.

    Adam divides by the gradients of the last steps. Where a penalty grows by a hundred from one step to the next, these
    are far too small, and the steps too long, for as long as they are remembered (DomainBed makes a new optimizer).
    Objectives say where by a :class:`~mmda_ext.models.annealing.Jump` named ``jump``. The memory of a balancer stays.
    """

    def before_train(self, runner: Runner) -> None:
        jumps = [own.jump for own in runner.model.modules() if isinstance(getattr(own, 'jump', None), Jump)]
        if not jumps:
            runner.logger.log(logging.WARNING, 'FreshOptimizerHook does nothing: no objective has a weight that jumps')
        # At 0 there is nothing to forget.
        self._places = {jump.place(runner.max_iters) for jump in jumps} - {0}

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter in self._places:
            runner.optim_wrapper.optimizer.state.clear()
