"""What other rules would have selected: the target evaluated after every validated epoch."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner, autocast

from mmda_ext.choices import choose
from mmda_ext.engine.label_free_scores import LabelFreeScores
from mmda_ext.engine.random_state import preserved_random_state
from mmda_ext.registry import HOOKS
from mmda_ext.selection_rules import FURTHER, LABEL_FREE, pick

from .records import plain

#: Where a run keeps its validated epochs, over checkpoints.
HISTORY = 'selection_history'


@HOOKS.register_module()
class SelectionRulesHook(Hook):
    """Answers for several rules from one training; which weights are tested as the result is not changed by it.

    After each validated epoch the test set is scored with the weights that were validated, and ``result.json`` gets
    ``rules``: for each rule the ``epoch`` that it selects with its ``val`` and ``test`` scores, and
    ``selection_history``, the scores of all epochs. Random numbers of the training stay as they are.

    * ``last``: the last validated epoch.
    * ``oracle``: the best by the labels of the target, an upper bound. (DomainBed's oracle chooses among last epochs.)
    * The others read unlabelled samples of the target, what was adapted to where a part is held out
      (:mod:`mmda_ext.evaluation.label_free`).

    Args:
        rules (Sequence[str]): Of :data:`mmda_ext.selection_rules.FURTHER`.
        metric (str): Test score that the oracle reads.

    Raises:
        ValueError: If a rule is unknown, the run does not validate, or is resumed from a checkpoint without a history.
    """

    #: Before averaged weights are put back, and before the checkpoint, which keeps the history.
    priority = 'ABOVE_NORMAL'

    def __init__(self, rules: list[str], metric: str = 'acc/top1') -> None:
        self.rules = [choose('rule', rule, FURTHER, 'SelectionRulesHook') for rule in rules]
        self.metric = metric
        self._scores: LabelFreeScores | None = None
        self._training = False

    def before_train(self, runner: Runner) -> None:
        with preserved_random_state():
            complete = runner.val_loop is not None and runner.test_loop is not None
        if not complete:
            raise ValueError('--also-select chooses among validated epochs, and this run does not validate and test: '
                             'leave it out, or do not pass --no-validate')
        if runner.iter == 0:
            runner.message_hub.pop_info(HISTORY, None)
        elif HISTORY not in runner.message_hub.runtime_info and runner.message_hub.get_info('best_metrics'):
            raise ValueError('--also-select: the checkpoint to resume from was written without it, so the scores of '
                             'its epochs are not known: leave it out, or start anew in another --work-dir')
        label_free = [rule for rule in self.rules if rule in LABEL_FREE]
        self._scores = LabelFreeScores(label_free) if label_free else None
        self._training = True

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        history = runner.message_hub.runtime_info.get(HISTORY, [])
        # Averaged weights are validated once more behind the last epoch.
        if not self._training or any(epoch['iter'] == runner.iter for epoch in history):
            return
        with preserved_random_state():
            test = _scores_on_target(runner)
            free = [self._scores(runner) if self._scores is not None else {}]
        if self.metric not in test:
            raise ValueError(f'--also-select: the test has no {self.metric!r}, only {", ".join(sorted(test))}: name '
                             'another `metric` of SelectionRulesHook')
        broadcast_object_list(free)
        epoch = plain({'epoch': runner.epoch, 'iter': runner.iter, 'val': metrics or {}, 'test': test})
        runner.message_hub.update_info(HISTORY, [*history, {**epoch, 'scores': free[0]}])

    def after_train(self, runner: Runner) -> None:
        self._training = False

    def found(self, runner: Runner) -> dict[str, Any]:
        """What ``result.json`` says of it."""
        history = runner.message_hub.runtime_info.get(HISTORY)
        if not history:
            return {}
        rules = {rule: pick(history, rule, self.metric) for rule in self.rules}
        told = [{'epoch': epoch['epoch'], 'test': epoch['test'][self.metric], **epoch['scores']} for epoch in history]
        return {'rules': {rule: {key: epoch[key] for key in ('epoch', 'val', 'test')} for rule, epoch in rules.items()},
                'selection_history': told}


def _scores_on_target(runner: Runner) -> Mapping[str, float]:
    """One pass of the test without its hooks: those put averaged weights in, which are in place already."""
    loop = runner.test_loop
    runner.model.eval()
    with torch.no_grad(), autocast(enabled=getattr(loop, 'fp16', False)):
        for batch in loop.dataloader:
            loop.evaluator.process(data_samples=runner.model.test_step(batch), data_batch=batch)
    return loop.evaluator.evaluate(len(loop.dataloader.dataset))


def found_by_other_rules(runner: Runner) -> dict[str, Any]:
    """``rules`` and ``selection_history`` of a run whose config asks for them, on the main process."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, SelectionRulesHook)]
    return hooks[0].found(runner) if hooks and is_main_process() else {}
