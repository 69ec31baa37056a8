"""One evaluation of the target, of the checkpoint that source validation selected."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.seen_domains import declared_test_domains
from mmda_ext.registry import HOOKS

from .records import write_json
from .selection import LAST, UNKNOWN


@HOOKS.register_module()
class TestBestHook(Hook):
    """After training, load the best checkpoint, run the test loop once and write ``<work_dir>/result.json``.

    The file holds ``val`` (all validation metrics of the selected epoch), ``test``, ``epoch``, ``checkpoint`` (a name
    in the work directory), ``selected_by`` (the metric), ``selection`` (the rule: ``source_validation``, ``last``,
    ``target_oracle``, or ``unknown`` where another checkpoint hook selected), ``seed``, ``config``, ``tested_with`` (a
    digest of the test's config: a finished run that is resumed with another one is tested again) and
    ``seen_test_domains`` (tested domains whose labels were trained on, if the config allows any). A run without
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

    def after_train(self, runner: Runner) -> None:
        if runner.test_loop is None:
            runner.logger.warning('no test_dataloader in the config: the best checkpoint is not tested')
            return
        if runner.iter == 0:
            raise ValueError('no step was taken, so there is nothing to test and no result.json: train for an epoch or '
                             'more')
        result = Path(runner.work_dir) / self.result_name
        record = self._selected(runner)
        # Every process must have looked before the main one writes the file.
        done = _same_checkpoint(result, record)
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
            'tested_with': _digest(runner.cfg),
            'seen_test_domains': declared_test_domains(runner.cfg),
        }


def _selection_key(runner: Runner) -> str:
    """Key of the metric that the run's checkpoint hook selects by."""
    keys = [hook.save_best[0] for hook in runner.hooks if getattr(hook, 'save_best', None)]
    return keys[0] if keys else 'best'


def _find(runner: Runner, name: str) -> Path:
    """Path of the best checkpoint; the work directory may have been moved since it was written."""
    recorded = Path(runner.message_hub.get_info('best_ckpt'))
    return recorded if recorded.is_file() else Path(runner.work_dir) / name


def _same_checkpoint(result: Path, record: dict[str, Any]) -> bool:
    if not result.is_file():
        return False
    written = json.loads(result.read_text(encoding='utf-8'))
    return bool(written['test']) and all(
        written.get(key, record[key]) == record[key] for key in ('checkpoint', 'epoch', 'seed', 'tested_with'))


def _digest(cfg: Config) -> str:
    """Short name of the data and metrics that a config tests with."""
    parts = {key: cfg.get(key) for key in ('test_dataloader', 'test_evaluator', 'test_cfg')}
    return hashlib.sha256(repr(Config(parts).to_dict()).encode()).hexdigest()[:12]
