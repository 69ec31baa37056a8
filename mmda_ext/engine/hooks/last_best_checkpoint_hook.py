"""Checkpoints: the last ones to continue from, and the best one by a source-validation metric."""

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmda_ext.compat import keep_checkpoints_at_home
from mmda_ext.registry import HOOKS
from mmda_ext.selection_rules import SOURCE_VALIDATION, TARGET_ORACLE

from .records import plain, write_text
from .selection import validated_domains

keep_checkpoints_at_home()


@HOOKS.register_module()
class LastBestCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, changed in six points.

    * The best checkpoint is chosen on source validation: when validated samples belong to a target domain, a metric
      that they enter is refused unless ``oracle=True``; before training where the data sets name their domains. Which
      rule a run used is kept as ``best_selection``.
    * On a tie the later epoch wins.
    * An epoch that is validated is saved after its validation. A run killed in between repeats that epoch instead of
      skipping its validation, so selection is the same as without the interruption.
    * Files appear whole or not at all, and a file is removed only after its successor exists.
    * All of them lie in the work directory, also after a run was resumed from another one, and no other is removed.
    * The metrics and the epoch of the best checkpoint are kept beside it (``best_metrics``, ``best_epoch`` in the
      message hub), for :class:`TestBestHook`.

    Args:
        save_best (str, optional): Key of the metric to select by; None keeps no best checkpoint.
        rule (str): 'greater' or 'less'.
        oracle (bool): Allow selection on target samples. It overstates results; for upper bounds only.
        interval (int): Epochs (or iterations) between two saves.
        max_keep_ckpts (int): How many of the last checkpoints to keep. Two, so that one is left if the disk damages
            the other.
        **kwargs: As for ``CheckpointHook``.

    Raises:
        ValueError: If ``save_best`` is not one explicit metric key, ``out_dir`` is given, or an argument is unknown.
    """

    rule_map = {'greater': lambda x, y: x >= y, 'less': lambda x, y: x <= y}

    def __init__(self,
                 save_best: str | None = 'acc/top1',
                 rule: str = 'greater',
                 oracle: bool = False,
                 interval: int = 1,
                 max_keep_ckpts: int = 2,
                 **kwargs: Any) -> None:
        if save_best is not None and (not isinstance(save_best, str) or save_best == 'auto'):
            raise ValueError(f'checkpoint hook: save_best={save_best!r} must be one metric key such as "acc/top1", '
                             'or None')
        if kwargs.get('out_dir') is not None:
            raise ValueError(f'checkpoint hook: out_dir={kwargs["out_dir"]!r} would part checkpoints from the result '
                             'that names them: leave it out, and set `work_dir`')
        known = inspect.signature(CheckpointHook.__init__).parameters
        unknown = sorted(set(kwargs) - set(known))
        if unknown:
            # MMEngine would tell when it saves, after an epoch.
            raise ValueError(f'checkpoint hook: {", ".join(unknown)} is no argument of it: take it out of '
                             '`default_hooks.checkpoint`')
        super().__init__(interval=interval, max_keep_ckpts=max_keep_ckpts, save_best=save_best, rule=rule, **kwargs)
        self.oracle = oracle
        self._domains: dict[Any, bool] = {}
        self._training = False

    def before_train(self, runner: Runner) -> None:
        if runner.iter == 0:
            # Two runs that one process starts in the same second share a message hub.
            for key in ('best_score', 'best_ckpt', 'best_epoch', 'best_metrics', 'best_selection', 'best_by',
                        'last_ckpt', 'keep_ckpt_ids'):
                runner.message_hub.pop_info(key, None)
        super().before_train(runner)
        if runner.val_loop is not None and runner.train_loop.val_interval < 1:
            raise ValueError(f'train_cfg: val_interval={runner.train_loop.val_interval} must be 1 or more; '
                             '--no-validate trains without validation')
        if self.save_best and runner.val_loop is not None:
            self._rule(self.save_best[0], *validated_domains(runner))
        self._restore_best(runner)
        self._training = True
        if is_main_process():
            for leftover in Path(runner.work_dir).glob('*.pth.partial'):
                leftover.unlink()

    def _restore_best(self, runner: Runner) -> None:
        """Where a run goes back to an earlier checkpoint, the best one of that time may have been replaced since."""
        path = Path(self.best_ckpt_path) if self.save_best and self.best_ckpt_path else None
        if path is None or path.is_file():
            return
        if path.name == self._best_name(runner):
            self._write_best(runner, path.name)
        else:
            runner.logger.warning(f'the best checkpoint so far, {path}, does not exist any more; unless a later epoch '
                                  'is better, the run will end without a test')

    def after_train_epoch(self, runner: Runner) -> None:
        if not self._validation_follows(runner):
            super().after_train_epoch(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        self._domains = {}

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        for sample in outputs if isinstance(outputs, Sequence) else ():
            if hasattr(sample, 'get'):
                self._domains[sample.get('domain')] = bool(sample.get('is_target', False))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if not self._training or not metrics:
            return
        previous = self.best_ckpt_path if self.save_best else None
        updated = bool(self.save_best) and self._update_best(runner, metrics)
        if self._due(runner) or (updated and self.last_ckpt is not None):
            step = runner.epoch if self.by_epoch else runner.iter
            self._save_checkpoint_with_step(runner, step, {'epoch': runner.epoch, 'iter': runner.iter})
        if updated and previous != self.best_ckpt_path:
            self._remove(previous)

    def _validation_follows(self, runner: Runner) -> bool:
        loop, epoch = runner.train_loop, runner.epoch + 1
        if runner.val_loop is None or not self.by_epoch or len(getattr(loop, 'dynamic_intervals', (1, ))) > 1:
            return False
        return epoch >= loop.val_begin and (epoch % loop.val_interval == 0 or epoch == loop.max_epochs)

    def _due(self, runner: Runner) -> bool:
        """Whether the epoch that was just validated is to be saved; ``runner.epoch`` counts finished epochs here."""
        if not self.by_epoch:
            return False
        since = runner.epoch - self.save_begin
        regular = self.interval > 0 and since >= 0 and since % self.interval == 0
        return regular or (self.save_last and runner.epoch == runner.max_epochs)

    def _update_best(self, runner: Runner, metrics: dict[str, float]) -> bool:
        key, hub = self.save_best[0], runner.message_hub
        rule = self._check_selection(key, metrics)
        best = hub.runtime_info.get('best_score', self.init_value_map[self.rules[0]])
        if not self.is_better_than[key](metrics[key], best):
            return False
        name = self._best_name(runner)
        self.best_ckpt_path = self.file_backend.join_path(self.out_dir, name)
        for info, value in {'best_score': metrics[key], 'best_ckpt': self.best_ckpt_path, 'best_epoch': runner.epoch,
                            'best_metrics': metrics, 'best_selection': rule}.items():
            hub.update_info(info, plain(value) if info != 'best_score' else float(value))
        self._write_best(runner, name)
        runner.logger.info(f'{key} {metrics[key]:.4f} is the best so far: saved as {name}')
        return True

    def replace_best(self, runner: Runner, name: str, selected_by: str) -> None:
        """After training, validate the model as it is now and make it the run's best checkpoint, for the test.

        Args:
            runner (Runner): Its model is none of an epoch, but made of several.
            name (str): Of the file.
            selected_by (str): What the result names in place of a metric.
        """
        # No epoch is selected or saved by this validation.
        self._training = False
        metrics = runner.val_loop.run()
        rule = self._check_selection(self.save_best[0], metrics) if self.save_best else SOURCE_VALIDATION
        for info, value in {'best_ckpt': self.file_backend.join_path(self.out_dir, name), 'best_epoch': runner.epoch,
                            'best_metrics': metrics, 'best_selection': rule, 'best_by': selected_by}.items():
            runner.message_hub.update_info(info, plain(value))
        self._write_best(runner, name)

    def _best_name(self, runner: Runner) -> str:
        step = runner.epoch if self.by_epoch else runner.iter
        return f'best_{self.save_best[0]}_{self.filename_tmpl.format(step)}'.replace('/', '_')

    def _write_best(self, runner: Runner, name: str) -> None:
        meta = {'epoch': runner.epoch, 'iter': runner.iter}
        self._write(runner, name, meta, save_optimizer=False, save_param_scheduler=False)

    def _check_selection(self, key: str, metrics: dict[str, float]) -> str:
        if key not in metrics:
            raise ValueError(f'checkpoint hook: save_best={key!r} is not a validation metric; choose one of '
                             f'{", ".join(sorted(metrics))}')
        seen = [item for part in all_gather_object(self._domains) for item in part.items()]
        targets = {domain for domain, is_target in seen if is_target}
        return self._rule(key, {domain for domain, _ in seen} - targets, targets)

    def _rule(self, key: str, sources: set[Any], targets: set[Any]) -> str:
        """Name of the rule by which ``key`` selects, if it is allowed."""
        if not targets or key.split('/')[0] in sources | {'source'}:
            return SOURCE_VALIDATION
        if self.oracle:
            return TARGET_ORACLE
        raise ValueError(
            f'checkpoint hook: save_best={key!r} would select on target samples (domain '
            f'{", ".join(sorted(map(str, targets)))}); select on a source metric such as "source/acc/top1", take the '
            'target out of val_dataloader, or set oracle=True and report the result as oracle selection')

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, int]) -> None:
        outdated: list[int] = []
        if self.max_keep_ckpts > 0:
            kept = [*(kept for kept in self.keep_ckpt_ids if kept != step), step]
            outdated = kept[:-self.max_keep_ckpts]
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._write(runner, name, meta, self.save_optimizer, self.save_param_scheduler, **self.args)
        if is_main_process():
            write_text(Path(runner.work_dir) / 'last_checkpoint', str(self.last_ckpt))
        for old in outdated:
            self._remove(self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old)))

    def _write(self, runner: Runner, name: str, meta: dict[str, int], save_optimizer: bool, save_param_scheduler: bool,
               **kwargs: Any) -> None:
        local = isinstance(self.file_backend, LocalBackend)
        # MMEngine warns at every save of a run without schedulers otherwise.
        save_param_scheduler = save_param_scheduler and runner.param_schedulers is not None
        written = f'{name}.partial' if local else name
        runner.save_checkpoint(
            self.out_dir, written, self.file_client_args, save_optimizer, save_param_scheduler, meta=meta,
            by_epoch=self.by_epoch, backend_args=self.backend_args, **kwargs)
        if local and is_main_process():
            os.replace(Path(self.out_dir) / written, Path(self.out_dir) / name)

    def _remove(self, path: str | None) -> None:
        if path and is_main_process() and self.file_backend.isfile(path):
            self.file_backend.remove(path)
