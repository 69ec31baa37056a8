"""No run without work, no labels beyond the model, and a count of what was left out."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.data_checks import check_counts, check_steps, left_out, listed
from mmda_ext.registry import HOOKS

#: Where a run remembers, over checkpoints, which samples it did without: part -> kind -> ids.
LACKING = 'lacking_samples'


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Refuse loaders without a batch and models with too few classes or domains; count what the run does without.

    Files fail in the workers of a loader, so a sample says it itself: ``replaced`` names those in whose place it was
    drawn because they could not be decoded (:class:`mmda_ext.datasets.MultimodalDataset`), and ``incomplete`` maps a
    modality to what it has less of, such as ``'shortened'``. :func:`data_left_out` adds them up.

    Raises:
        ValueError: See :func:`check_steps` and :func:`check_counts`.
    """

    def before_train(self, runner: Runner) -> None:
        check_steps(runner.train_dataloader, 'train')
        check_counts(runner.cfg.model, runner.train_dataloader.dataset)

    def before_val(self, runner: Runner) -> None:
        check_steps(runner.val_dataloader, 'val')

    def before_test(self, runner: Runner) -> None:
        check_steps(runner.test_dataloader, 'test')

    def _after_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None,
                    mode: str = 'train') -> None:
        samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
        for sample in samples if isinstance(samples, Sequence) else ():
            if not hasattr(sample, 'get'):
                continue
            for name in sample.get('replaced', ()):
                _note(runner, mode, 'undecodable', name)
            for kind in sample.get('incomplete', {}).values():
                _note(runner, mode, kind, sample.get('sample_id'))


def _note(runner: Runner, part: str, kind: str, sample_id: str) -> None:
    info = runner.message_hub.runtime_info.get(LACKING, {})
    known = info.get(part, {}).get(kind, [])
    if sample_id not in known:
        runner.message_hub.update_info(LACKING, {**info, part: {**info.get(part, {}), kind: [*known, sample_id]}})


def data_left_out(runner: Runner) -> dict[str, dict[str, int]]:
    """What a run did without, for ``result.json``: part -> ``samples`` listed, and how many of them lacked what.

    ``missing`` had no file, ``undecodable`` were replaced in training, other kinds are those of ``incomplete``. Parts
    that lack nothing are absent. All processes must call it.
    """
    loaders = {'train': runner.train_dataloader, 'test': runner.test_dataloader}
    if runner.val_loop is not None:
        loaders['val'] = runner.val_dataloader
    told: dict[str, dict[str, set[str]]] = {}
    for info in all_gather_object(runner.message_hub.runtime_info.get(LACKING, {})):
        for part, kinds in info.items():
            for kind, names in kinds.items():
                told.setdefault(part, {}).setdefault(kind, set()).update(names)
    found = {part: left_out(loader.dataset) | {kind: len(names) for kind, names in told.get(part, {}).items()}
             for part, loader in loaders.items()}
    return {part: {'samples': listed(loaders[part].dataset), **counts} for part, counts in found.items() if counts}
