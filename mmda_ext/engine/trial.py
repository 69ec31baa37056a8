"""Training that is tried out and taken back."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from mmengine.hooks import DistSamplerSeedHook, ParamSchedulerHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmda_ext.engine.random_state import preserved_random_state, seed_epoch


@contextmanager
def trial(runner: Runner) -> Iterator[None]:
    """Leave no trace of what is trained inside, whether it ends well or not.

    Weights, buffers, gradients, the states of optimizer wrapper and schedules, random numbers, the order of the
    samples and the logged scalars are put back. The copy of weights and optimizer takes memory on the same device.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    stateful = [model, runner.optim_wrapper, *_schedulers(runner)]
    states = [copy.deepcopy(owner.state_dict()) for owner in stateful]
    gradients = [parameter.grad for parameter in model.parameters()]
    scalars = copy.deepcopy(runner.message_hub.log_scalars)
    model.zero_grad(set_to_none=True)
    with preserved_random_state():
        try:
            yield
        finally:
            for owner, state in zip(stateful, states):
                owner.load_state_dict(state)
            for parameter, gradient in zip(model.parameters(), gradients):
                parameter.grad = gradient
            runner.message_hub.log_scalars.clear()
            runner.message_hub.log_scalars.update(scalars)
            runner.optim_wrapper.initialize_count_status(runner.model, runner.iter, runner.max_iters)
            DistSamplerSeedHook().before_train_epoch(runner)


def train_epochs(runner: Runner, epochs: int, tick: Callable[[], None]) -> None:
    """Train the next epochs of a run, with their samples and random numbers, without its hooks.

    Args:
        runner (Runner): The run, inside of :func:`trial`.
        epochs (int): How many.
        tick (Callable): Called after each iteration.
    """
    loader, schedule = runner.train_loop.dataloader, ParamSchedulerHook()
    runner.optim_wrapper.initialize_count_status(runner.model, 0, epochs * len(loader))
    for epoch in range(runner.epoch, runner.epoch + epochs):
        # What the two hooks that are wanted here read of a runner, at another epoch.
        view = SimpleNamespace(
            epoch=epoch, train_loop=runner.train_loop, param_schedulers=runner.param_schedulers)
        DistSamplerSeedHook().before_train_epoch(view)
        seed_epoch(runner.seed, epoch)
        runner.model.train()
        for index, batch in enumerate(loader):
            runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
            schedule.after_train_iter(view, index)
            tick()
        schedule.after_train_epoch(view)


def _schedulers(runner: Runner) -> list[Any]:
    found = runner.param_schedulers or []
    return found if isinstance(found, list) else [item for own in found.values() for item in own]
