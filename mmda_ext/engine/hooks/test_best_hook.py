"""One evaluation of the target, of the checkpoint that source validation selected."""

import json
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.registry import HOOKS

from .records import write_json
from .selection import LAST, UNKNOWN


@HOOKS.register_module()
class TestBestHook(Hook):
    """After training, load the best checkpoint, run the test loop once and write ``<work_dir>/result.json``.

    The file holds ``val`` (all validation metrics of the selected epoch), ``test``, ``epoch``, ``checkpoint`` (a name
    in the work directory), ``selected_by`` (the metric), ``selection`` (the rule: ``source_validation``, ``last``,
    ``target_oracle``, or ``unknown`` where another checkpoint hook selected), ``seed`` and ``config``. A run without
    validation is tested as it ended, and both say "last". A finished run that is resumed keeps its result; a new run in
    an old work directory moves the old result to ``result.previous.json`` first, so that no file outlives its run
    unnoticed.
    """

    __test__ = False  # not a test case, whatever the name suggests to pytest
    #: After the checkpoint hook.
    priority = 'LOWEST'
    result_name = 'result.json'

    def before_train(self, runner: Runner) -> None:
        result = Path(runner.work_dir) / self.result_name
        if is_main_process() and runner.iter == 0 and result.is_file():
            result.replace(result.with_name('result.previous.json'))
        # What the test lacks is told before the training rather than after it; reading it draws no random number.
        with preserved_random_state():
            _ = runner.test_loop

    def after_train(self, runner: Runner) -> None:
        if runner.test_loop is None:
            runner.logger.warning('no test_dataloader in the config: the best checkpoint is not tested')
            return
        result = Path(runner.work_dir) / self.result_name
        record = self._selected(runner)
        # Every process must have looked before the main one writes the file.
        done = _same_checkpoint(_written(result, runner), record)
        barrier()
        if done:
            runner.logger.info(f'{result} already holds the test of {record["checkpoint"]}')
            return
        if record['selected_by'] != LAST:
            runner.load_checkpoint(str(_find(runner, record['checkpoint'])))
        record['test'] = runner.test_loop.run()
        if is_main_process():
            write_json(result, record)
            runner.logger.info(f'test of {record["checkpoint"]} (epoch {record["epoch"]}) written to {result}')

    def _selected(self, runner: Runner) -> dict[str, Any]:
        info = runner.message_hub.runtime_info
        best = info.get('best_ckpt')
        if best is None:
            runner.logger.warning('no validation has selected a checkpoint: the weights of the last epoch are tested')
        checkpoint = best or info.get('last_ckpt')
        return {
            'val': info.get('best_metrics', {}) if best else {},
            'test': {},
            'epoch': info.get('best_epoch', runner.epoch) if best else runner.epoch,
            'checkpoint': Path(checkpoint).name if checkpoint else None,
            'selected_by': _selection_key(runner) if best else LAST,
            'selection': info.get('best_selection', UNKNOWN) if best else LAST,
            'seed': runner.seed,
            'config': Path(runner.cfg.filename).name if runner.cfg.filename else None,
        }


def _selection_key(runner: Runner) -> str:
    """Key of the metric that the run's checkpoint hook selects by."""
    keys = [hook.save_best[0] for hook in runner.hooks if getattr(hook, 'save_best', None)]
    return keys[0] if keys else 'best'


def _find(runner: Runner, name: str) -> Path:
    """Path of the best checkpoint; the work directory may have been moved since it was written."""
    recorded = Path(runner.message_hub.get_info('best_ckpt'))
    return recorded if recorded.is_file() else Path(runner.work_dir) / name


def _written(result: Path, runner: Runner) -> dict[str, Any]:
    """What an earlier test wrote; nothing when there was none, or when its file is damaged."""
    if not result.is_file():
        return {}
    try:
        content = json.loads(result.read_text(encoding='utf-8'))
    except ValueError:
        content = None
    if isinstance(content, dict):
        return content
    runner.logger.warning(f'{result} is damaged: the checkpoint is tested again, and the file is written anew')
    return {}


def _same_checkpoint(written: dict[str, Any], record: dict[str, Any]) -> bool:
    same = all(key in written and written[key] == record[key] for key in ('checkpoint', 'epoch', 'seed'))
    return same and isinstance(written.get('test'), dict) and bool(written['test'])
