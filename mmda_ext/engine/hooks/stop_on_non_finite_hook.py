"""Stop at the first NaN or infinite loss, and leave a report of the step."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.registry import HOOKS

from .records import write_json


class NonFiniteLossError(RuntimeError):
    """A training loss became NaN or infinite."""


@HOOKS.register_module()
class StopOnNonFiniteHook(Hook):
    """Stop training when a loss is NaN or infinite; no checkpoint of that step is written.

    The report ``non_finite_step.json`` in the work directory holds epoch, iteration, losses, the diagnostics of the
    step and the ids of its samples. The check costs no extra synchronisation: MMEngine reads every logged value on
    the host in each iteration anyway.
    """

    #: After the hook that copies the losses to the message hub, before loggers and checkpoints.
    priority = 'NORMAL'
    report_name = 'non_finite_step.json'

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Any] | None = None) -> None:
        losses = {key: _number(value) for key, value in (outputs or {}).items() if 'loss' in key}
        bad = {key: value for key, value in losses.items() if not math.isfinite(value)}
        if not bad:
            return
        rank = get_rank()
        name = self.report_name if rank == 0 else f'rank{rank}_{self.report_name}'
        report = Path(runner.work_dir) / name
        write_json(report, self._describe(runner, losses, data_batch))
        raise NonFiniteLossError(
            f'{", ".join(f"{key} is {value}" for key, value in bad.items())} in epoch {runner.epoch + 1}, iteration '
            f'{runner.iter + 1}: training stopped, the step is described in {report}; {_last_good(runner)}')

    def _describe(self, runner: Runner, losses: dict[str, float], data_batch: Any) -> dict[str, Any]:
        scalars = runner.message_hub.log_scalars
        prefix = 'train/'
        diagnostics = {key[len(prefix):]: buffer.current() for key, buffer in scalars.items()
                       if key.startswith(prefix) and key[len(prefix):] not in losses}
        return {
            'epoch': runner.epoch + 1,
            'iter': runner.iter + 1,
            'rank': get_rank(),
            'seed': runner.seed,
            'losses': losses,
            'diagnostics': diagnostics,
            'samples': sample_ids(data_batch),
        }


def _number(value: Any) -> float:
    return float(value.detach() if hasattr(value, 'detach') else value)


def sample_ids(data_batch: Any) -> list[str]:
    """Ids of the samples of a batch as the data loader hands it out; empty where it carries none."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if not isinstance(samples, Sequence):
        return []
    return [str(sample.get('sample_id')) for sample in samples if hasattr(sample, 'get')]


def _last_good(runner: Runner) -> str:
    checkpoint = runner.message_hub.runtime_info.get('last_ckpt')
    if checkpoint is None:
        return 'no checkpoint was written before it'
    return f'the last good checkpoint is {checkpoint} (continue with --resume, after changing what caused this)'
