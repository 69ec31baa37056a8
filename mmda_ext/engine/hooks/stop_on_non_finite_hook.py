"""Stop at the first NaN or infinite loss, and leave a report of the step."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
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
    step, the ids of its samples, which of their inputs hold NaN or infinity and which of their outputs do; the message
    names the first of those, since a bad file needs another remedy than a step that diverged. The check costs no extra
    synchronisation: MMEngine reads every logged value on the host in each iteration anyway.
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
        inputs, names = non_finite_inputs(data_batch), non_finite_outputs(runner.model, data_batch)
        write_json(report, {**self._describe(runner, losses, data_batch), 'non_finite_inputs': inputs,
                            'non_finite_outputs': names})
        raise NonFiniteLossError(
            f'{", ".join(f"{key} is {value}" for key, value in bad.items())} in epoch {runner.epoch + 1}, iteration '
            f'{runner.iter + 1}: training stopped, the step is described in {report}; {_cause(inputs, names)}; '
            f'{_last_good(runner)}')

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


def non_finite_inputs(data_batch: Any) -> dict[str, list[str]]:
    """Modality -> ids of the samples (or their positions) of which the input holds NaN or infinity."""
    inputs = data_batch.get('inputs') if isinstance(data_batch, dict) else None
    ids = sample_ids(data_batch)
    found: dict[str, list[str]] = {}
    for name, index, value in _each_input(inputs):
        if isinstance(value, torch.Tensor) and not torch.isfinite(value).all():
            found.setdefault(name, []).append(ids[index] if index < len(ids) else str(index))
    return found


def _each_input(inputs: Any) -> Iterator[tuple[str, int, Any]]:
    """Modality, position in the batch and tensor, of a dict of lists (collated) or a list of dicts."""
    if isinstance(inputs, Mapping):
        yield from ((name, index, value) for name, values in inputs.items() for index, value in enumerate(values))
    elif isinstance(inputs, Sequence):
        yield from ((name, index, value) for index, sample in enumerate(inputs) for name, value in sample.items())


def non_finite_outputs(model: Any, data_batch: Any) -> list[str]:
    """Ids of the samples (or their positions) whose logits are not finite; none where all are: then the weights are."""
    finite = getattr(getattr(model, 'module', model), 'finite_rows', None)
    if finite is None or not finite.any():
        return []
    ids = sample_ids(data_batch)
    return [ids[index] if index < len(ids) else str(index) for index in (~finite).nonzero()[:, 0].tolist()]


def _cause(inputs: dict[str, list[str]], outputs: list[str]) -> str:
    if not inputs and outputs:
        return (f'the inputs are finite, but the outputs of sample {outputs[0]} ({len(outputs)} in this batch) are '
                'not: look at its values, or normalise them')
    if not inputs:
        return 'the inputs are finite, so a smaller learning rate or loss weight may help'
    name, samples = next(iter(inputs.items()))
    return f'the input of modality {name!r} holds NaN or infinity in sample {samples[0]}: repair or remove that file'


def _last_good(runner: Runner) -> str:
    checkpoint = runner.message_hub.runtime_info.get('last_ckpt')
    if checkpoint is None:
        return 'no checkpoint was written before it'
    return f'the last good checkpoint is {checkpoint} (continue with --resume, after changing what caused this)'
