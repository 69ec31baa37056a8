"""What does it gain to adapt the model to the test?"""

from collections.abc import Mapping
from typing import Any

from mmengine.evaluator import DumpResults
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.hooks.test_time_hook import TestTimeHook
from mmda_ext.engine.test_time.base import TestTimeMethod
from mmda_ext.evaluation.protocols.base import Evaluation, Protocol

#: Below, statistics of a batch are poor.
SMALL_BATCH = 16
#: Columns of the table -> keys of the record of a session.
COLUMNS = {'steps': 'steps', 'batches without': 'skipped', 'samples kept': 'kept', 'resets': 'resets',
           'numbers that move': 'parameters'}


class TestTime(Protocol):
    """The metrics of the test without adaptation and with it, each method from the trained weights.

    Args:
        methods (dict[str, TestTimeMethod]): By their names.
    """

    __test__ = False  # not a test case, whatever the name suggests to pytest

    def __init__(self, methods: Mapping[str, TestTimeMethod]) -> None:
        self.methods = methods

    def evaluate(self, evaluation: Evaluation) -> dict[str, Any]:
        """``methods.<name>``: metrics, options and what was done; ``not_done.<name>``: why not."""
        found, refused = {}, {}
        for name, method in self.methods.items():
            try:
                found[name] = _tested(evaluation.runner, method)
                evaluation.adaptations[name] = method
            except ValueError as error:
                refused[name] = str(error)
        return {'without': evaluation.metrics, 'methods': found, 'not_done': refused, 'notes': _notes(found)}

    def table(self, result: Mapping[str, Any]) -> str:
        keys = [key for key in result['without'] if key.startswith('acc/')] or list(result['without'])
        head = ['adaptation', *keys, *COLUMNS]
        rows = [['none', *(f'{float(result["without"][key]):.1f}' for key in keys), *[''] * len(COLUMNS)]]
        rows += [[name, *(f'{float(own["metrics"][key]):.1f}' for key in keys),
                  *(str(own['record'][key]) for key in COLUMNS.values())] for name, own in result['methods'].items()]
        lines = ['| ' + ' | '.join(row) + ' |' for row in (head, *rows)]
        notes = [*result['notes'], *(f'{name} is not done: {reason}.' for name, reason in result['not_done'].items())]
        return '\n'.join([lines[0], '|' + '---|' * len(head), *lines[1:], '', *notes, ''])


def _tested(runner: Runner, method: TestTimeMethod) -> dict[str, Any]:
    hook, evaluator = TestTimeHook(method), runner.test_loop.evaluator
    hooks: list[Hook] = runner._hooks
    metrics = evaluator.metrics
    # Hooks of the run counted and wrote the test without adaptation, and a dump is of that.
    runner._hooks = [hook]
    evaluator.metrics = [metric for metric in metrics if not isinstance(metric, DumpResults)]
    try:
        found = runner.test_loop.run()
    finally:
        runner._hooks, evaluator.metrics = hooks, metrics
        hook.close()
        # Of a test that was refused on its way; the next one begins with none.
        for metric in metrics:
            metric.results.clear()
    return {'metrics': found, 'options': vars(method), 'record': hook.record}


def _notes(found: Mapping[str, Any]) -> list[str]:
    notes = []
    for name, own in found.items():
        record = own['record']
        if record['on_batches'] and record['smallest_batch'] < SMALL_BATCH:
            notes.append(f'{name}: the smallest batch has {record["smallest_batch"]} samples; statistics of fewer than '
                         f'{SMALL_BATCH} are poor.')
        if record['without_gradient']:
            notes.append(f'{name}: {record["without_gradient"]} of {record["parameters"]} numbers did not move, '
                         'because the loss does not reach them.')
    return notes
