"""Numbers of a resumed run: those that the present config asks for, in exchange for those that a checkpoint keeps.

MMEngine gives a resumed run the rates, the ends of schedules and the count of iterations of the run that wrote the
checkpoint. They are wrong where an epoch has another number of iterations (other processes, other batch), where
training was made longer, or where the config names another rate: a schedule that was to end at iteration 800 never ends
in 400, and one that ended stays where it was.
"""

import warnings
from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

#: What a scheduler keeps of its way so far; everything else says which schedule it is.
_PROGRESS = {'last_step', '_global_step', '_last_value', 'verbose', 'best', 'num_bad_epochs', 'cooldown_counter'}

OTHER_SCHEDULE = 'the schedule is not that of the checkpoint: that of the present config holds'


def describe_run(checkpoint: dict[str, Any]) -> None:
    """Keep beside the weights what the config does not tell: the number of processes."""
    checkpoint['meta']['processes'] = get_world_size()


def adopt_present_conditions(runner: Runner, checkpoint: dict[str, Any]) -> list[str]:
    """Put the numbers of the present config into a checkpoint before MMEngine resumes from it.

    The count of iterations becomes (epochs done) * (iterations of an epoch now). Where the schedule, a rate or that
    number changed, the present schedule is run through to where training stands, as if it had held from the beginning;
    where nothing changed, the rates of the checkpoint stay, bit for bit.

    Args:
        runner (Runner): With optimizer and schedulers as the config describes them, before their first step.
        checkpoint (dict): Changed in place.

    Returns:
        list[str]: What differs and which value holds, one sentence each.

    Raises:
        ValueError: If the checkpoint has no optimizer or one that does not fit, if its training was longer, or if a
            schedule that waits for metrics changed.
    """
    meta, name = checkpoint['meta'], str(runner._load_from or 'of the work dir')
    if 'optimizer' not in checkpoint:
        raise ValueError(f'--resume: checkpoint {name} holds weights without the state of an optimizer; continue from '
                         'an epoch_*.pth, or start a new run from it with load_from')
    moved = _iterations(runner, meta, name)
    said = [*_processes(meta), *moved]
    for key, wrapper in _wrappers(runner.optim_wrapper).items():
        said += _adopt_rates(runner, checkpoint, key, wrapper, len(moved) > 0)
    return said


def _adopt_rates(runner: Runner, checkpoint: dict[str, Any], key: str, wrapper: OptimWrapper, moved: bool) -> list[str]:
    """Rates and options of one optimizer, which has a ``key`` where there are several."""
    meta, name = checkpoint['meta'], str(runner._load_from)
    saved: Any = checkpoint['optimizer']
    states: Any = checkpoint.get('param_schedulers') or []
    schedulers: Any = runner.param_schedulers or []
    if key:
        saved, states, schedulers = saved[key], states and states[key], schedulers and schedulers[key]
    _check_groups(saved['param_groups'], wrapper.param_groups, name)
    kept = {scheduler.param_name for scheduler in schedulers}
    other = _is_other_schedule(schedulers, states)
    if other or (moved and any(not scheduler.by_epoch for scheduler in schedulers)):
        _run_through(schedulers, runner, meta, name)
        states[:] = [scheduler.state_dict() for scheduler in schedulers]
        kept = set()
    said = [OTHER_SCHEDULE] if other and not moved else []
    done = f'{meta["epoch"]} epochs' if _counts_epochs(runner) else f'{meta["iter"]} iterations'
    return said + _adopt_groups(saved['param_groups'], wrapper.param_groups, kept, done)


def _counts_epochs(runner: Runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)


def _wrappers(wrapper: OptimWrapper) -> dict[str, OptimWrapper]:
    return dict(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else {'': wrapper}


def _processes(meta: dict[str, Any]) -> list[str]:
    before, now = meta.get('processes', get_world_size()), get_world_size()
    return [] if before == now else [f'{now} processes train, {before} did: the present number holds']


def _iterations(runner: Runner, meta: dict[str, Any], name: str) -> list[str]:
    """Count the iterations done in epochs of their present length."""
    unit, done, allowed = (('epochs', meta['epoch'], runner.max_epochs) if _counts_epochs(runner) else
                           ('iters', meta['iter'], runner.max_iters))
    if done > allowed:
        raise ValueError(f'--resume: checkpoint {name} was written after {done} {unit}, but '
                         f'train_cfg.max_{unit}={allowed}: raise it, or continue from an earlier checkpoint')
    if unit == 'iters':
        return []
    before, length = meta['iter'], len(runner.train_dataloader)
    meta['iter'] = meta['epoch'] * length
    return [] if before == meta['iter'] else [
        f'an epoch has {length} iterations now, so that the {meta["epoch"]} epochs done count as {meta["iter"]} '
        f'iterations instead of {before}']


def _check_groups(saved: list[dict[str, Any]], present: list[dict[str, Any]], name: str) -> None:
    """Refuse the state of another optimizer; torch compares the number of parameters only."""
    sizes = [[len(group['params']) for group in groups] for groups in (saved, present)]
    if sizes[0] != sizes[1]:
        raise ValueError(f'--resume: the optimizer of checkpoint {name} has {len(saved)} groups of parameters with '
                         f'{sum(sizes[0])} tensors, the one of the config {len(present)} with {sum(sizes[1])}; '
                         'continue with the `model` and `optim_wrapper` that it was trained with')
    old, new = ({key for group in groups for key in group} for groups in (saved, present))
    # A newer torch only adds options.
    if old - new - {'initial_lr', 'initial_momentum'} and new - old - {'initial_lr', 'initial_momentum'}:
        raise ValueError(f'--resume: checkpoint {name} holds the state of another optimizer: it has the options '
                         f'{sorted(old - new)}, that of the config {sorted(new - old)}; continue with the '
                         '`optim_wrapper.optimizer` that it was trained with')


def _is_other_schedule(schedulers: Sequence[Any], states: Sequence[dict[str, Any]]) -> bool:
    if len(schedulers) != len(states):
        return True
    return any({**state, **{key: value for key, value in scheduler.state_dict().items() if key not in _PROGRESS}}
               != state for scheduler, state in zip(schedulers, states))


def _run_through(schedulers: Sequence[Any], runner: Runner, meta: dict[str, Any], name: str) -> None:
    """Step new schedulers, in the order of training, to where it stands."""
    if any(getattr(scheduler, 'need_val_args', False) for scheduler in schedulers):
        raise ValueError(f'--resume: `param_scheduler` differs from that of checkpoint {name}, and one that waits for '
                         'metrics cannot be continued as another; keep it, with its rate and the length of training')
    by_epoch = _counts_epochs(runner)
    epochs, length = (meta['epoch'], len(runner.train_dataloader)) if by_epoch else (1, meta['iter'])
    with warnings.catch_warnings():
        # Of a scheduler that steps before its optimizer.
        warnings.simplefilter('ignore')
        for _ in range(epochs):
            for _ in range(length):
                _step(schedulers, False)
            if by_epoch:
                _step(schedulers, True)


def _step(schedulers: Sequence[Any], by_epoch: bool) -> None:
    for scheduler in schedulers:
        if scheduler.by_epoch == by_epoch:
            scheduler.step()


def _adopt_groups(saved: list[dict[str, Any]], present: list[dict[str, Any]], kept: set[str],
                  done: str) -> list[str]:
    """Give the options of the present groups to the saved ones, but for those that a schedule has moved."""
    kept = kept | ({'betas'} if 'momentum' in kept else set()) | {'params'}
    changes: dict[str, tuple[list[Any], list[Any]]] = {}
    for old, new in zip(saved, present):
        for key in new.keys() - kept:
            if key in old and _plain(old[key]) != _plain(new[key]):
                for values, value in zip(changes.setdefault(key, ([], [])), (old[key], new[key])):
                    values.append(value)
            old[key] = new[key]
    return [f'{key} goes on at {_few(new)}, as the present config has it after {done}, and not at '
            f'{_few(old)} as in the checkpoint'
            for key, (old, new) in sorted(changes.items()) if not key.startswith('initial_')]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _few(values: list[Any]) -> str:
    texts = list(dict.fromkeys(f'{value:g}' if isinstance(value, float) else str(value) for value in values))
    return ', '.join(texts[:3]) + (', ...' if len(texts) > 3 else '')
