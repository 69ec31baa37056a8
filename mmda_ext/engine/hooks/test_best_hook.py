"""One evaluation of the target, of the checkpoint that source validation selected."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.engine.seen_domains import declared_test_domains
from mmda_ext.registry import HOOKS
from mmda_ext.selection_rules import LAST, UNKNOWN

from .check_data_hook import data_left_out
from .records import write_json
from .scored_samples import ScoredSamples
from .selection_rules_hook import found_by_other_rules
from .test_time_hook import adaptation_of


@HOOKS.register_module()
class TestBestHook(Hook):
    """After training, load the best checkpoint, run the test loop once and write ``<work_dir>/result.json``.

    The file holds ``val`` (all validation metrics of the selected epoch), ``test``, ``epoch``, ``checkpoint`` (a name
    in the work directory), ``selected_by`` (the metric, or the rule that made one model of several epochs),
    ``selection`` (the rule: ``source_validation``, ``last``, ``target_oracle``, or ``unknown`` where another
    checkpoint hook selected), ``val_set`` and ``test_set`` (which
    samples were scored, as :class:`ScoredSamples` sums them up), ``seed``, ``config``, ``left_out``
    (:func:`data_left_out`), ``tested_with`` (a digest of the test's config: a finished run that is resumed with another
    one is tested again) and ``seen_test_domains`` (tested domains whose labels were trained on, if the config allows
    any), and what :class:`SelectionRulesHook` and :class:`TestTimeHook` add. A run without validation is tested as it
    ended, and both say "last". A finished run that is resumed keeps its result; a run that trains on, or anew, in an
    old work directory moves the old result to ``result.previous.json`` first, so that no file outlives its run
    unnoticed.
    """

    __test__ = False  # not a test case, whatever the name suggests to pytest
    #: After the checkpoint hook.
    priority = 'LOWEST'
    result_name = 'result.json'

    def __init__(self) -> None:
        self._scored = ScoredSamples()

    def before_val_epoch(self, runner: Runner) -> None:
        self._scored = ScoredSamples()

    before_test_epoch = before_val_epoch

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._scored.add(outputs)
        if batch_idx + 1 == len(runner.val_dataloader):
            # In the message hub before the checkpoint is written, so that whoever continues from it still knows.
            runner.message_hub.update_info('val_set', self._scored.summary(runner.val_loop))

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._scored.add(outputs)

    def before_train(self, runner: Runner) -> None:
        if runner.iter == 0:
            runner.message_hub.pop_info('val_set', None)
        result = Path(runner.work_dir) / self.result_name
        if is_main_process() and runner.iter < runner.max_iters and result.is_file():
            result.replace(result.with_name('result.previous.json'))
        # What the test lacks is told before the training rather than after it; reading it draws no random number.
        with preserved_random_state():
            _ = runner.test_loop

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
        done = _same_checkpoint(_written(result, runner), record)
        barrier()
        if done:
            runner.logger.info(f'{result} already holds the test of {record["checkpoint"]}')
            return
        if record['selected_by'] != LAST:
            runner.load_checkpoint(str(_find(runner, record['checkpoint'])))
        record['test'] = runner.test_loop.run()
        record['test_set'] = self._scored.summary(runner.test_loop)
        record['left_out'] = data_left_out(runner)
        record |= found_by_other_rules(runner) | adaptation_of(runner)
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
            'selected_by': info.get('best_by') or _selection_key(runner) if best else LAST,
            'selection': info.get('best_selection', UNKNOWN) if best else LAST,
            'val_set': info.get('val_set', {}) if best else {},
            'test_set': {},
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
    """Path of the selected checkpoint, in the work directory and nowhere else."""
    path = Path(runner.work_dir) / name
    if not path.is_file():
        raise FileNotFoundError(f'{path}, the best checkpoint of this run, does not exist any more, so it cannot be '
                                'tested: put it back and resume, or train again')
    return path


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
    # Results of before the digest do not hold it.
    same = same and written.get('tested_with', record['tested_with']) == record['tested_with']
    return same and isinstance(written.get('test'), dict) and bool(written['test'])


def _digest(cfg: Config) -> str:
    """Short name of the data and metrics that a config tests with."""
    parts = {key: cfg.get(key) for key in ('test_dataloader', 'test_evaluator', 'test_cfg')}
    return hashlib.sha256(repr(Config(parts).to_dict()).encode()).hexdigest()[:12]
