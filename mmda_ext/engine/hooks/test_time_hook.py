"""Adapts the model to what it is tested on."""

from contextlib import ExitStack
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.still_samples import recognizer_of
from mmda_ext.engine.test_time import build
from mmda_ext.engine.test_time.base import TestTimeMethod
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class TestTimeHook(Hook):
    """Test-time adaptation in the test loop of any recognizer of this package.

    The loop shows the samples domain by domain, in the order and the batches of the method. Afterwards loader and model
    are those of before, the weights bit by bit. `result.json` of a training whose ``custom_hooks`` hold this one says
    under ``test_time`` that its test was adapted.

    Args:
        method (str or TestTimeMethod): Its name, as ``--test-time`` takes it, or the method itself.
        **options: Of the method that was named.

    Raises:
        ValueError: If there is no such method or option; at the start of the test, if the model cannot be adapted so.

    Attributes:
        record (dict): After a test, what was done in it.
    """

    __test__ = False  # not a test case, whatever the name suggests to pytest
    #: After hooks that put other weights into the model for a test.
    priority = 'LOWEST'

    def __init__(self, method: str | TestTimeMethod, **options: Any) -> None:
        self.method = build(method, **options) if isinstance(method, str) else method
        self.record: dict[str, Any] = {}
        self._stack = ExitStack()
        self._last = 0

    def before_test_epoch(self, runner: Runner) -> None:
        loop, model = runner.test_loop, recognizer_of(runner, '--test-time')
        if 'predict' in vars(model):
            raise ValueError('`custom_hooks` hold two TestTimeHook, and one test adapts by one method: take one out')
        usual = loop.dataloader
        stream = self.method.stream(runner.cfg.test_dataloader, usual.dataset)
        self._last = len(stream) - 1
        with ExitStack() as stack:
            self._session = stack.enter_context(self.method.on(model, stream.batch_sampler.batches))
            # An attribute of the instance wins over the method of its class.
            model.predict = self._session.predict
            stack.callback(delattr, model, 'predict')
            loop.dataloader = stream
            stack.callback(setattr, loop, 'dataloader', usual)
            self._stack = stack.pop_all()

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if batch_idx < self._last:
            return
        # Here and not after the epoch: hooks that swapped the weights before this one swap back first.
        self.close()
        self.record = self._session.summary()
        runner.logger.info(f'test-time adaptation: {self.record}')

    def close(self) -> None:
        """Loader and model as they were; for a test that ended in an error."""
        self._stack.close()


def adaptation_of(runner: Runner) -> dict[str, Any]:
    """``test_time`` of a run whose test adapted: the method, its options, and what was done."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, TestTimeHook)]
    return {'test_time': {'method': hooks[0].method.name, 'options': vars(hooks[0].method), 'record': hooks[0].record}
            } if hooks else {}
