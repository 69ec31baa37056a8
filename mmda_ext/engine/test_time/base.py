"""What every method of test-time adaptation has: options, a step, and a session on a model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from mmengine.dist import get_world_size
from mmengine.runner import Runner
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.datasets.samplers.target_stream_sampler import ORDERS
from mmda_ext.engine.test_time.layers import (
    PARAMS,
    alone_moving,
    batch_norms,
    batch_statistics,
    moving_parameters,
)
from mmda_ext.engine.test_time.session import Said, Session
from mmda_ext.models.freezing import evaluating

#: Samples of a batch for which the rates are stated; smaller ones take proportionally smaller steps.
REFERENCE_BATCH = 64


class TestTimeMethod(ABC):
    """A method without parameters that move; :class:`Learning` has some.

    Args:
        order (str): Of the samples of a domain: ``'shuffled'``, or ``'sorted'`` by class, which is a stress test.
        seed (int): Of the order.
        batch_size (int): Largest batch; those of a domain have equal sizes. The order and the batches are part of the
            protocol: a test adapts to what came before.

    Raises:
        ValueError: If an option is out of range.
    """

    __test__ = False  # not a test case, whatever the name suggests to pytest
    params: str = 'norm'
    predict: str = 'before'
    reset: str = 'domain'

    def __init__(self, order: str = 'shuffled', seed: int = 0, batch_size: int = REFERENCE_BATCH) -> None:
        self.order = choose('order', order, ORDERS, self.option)
        self.seed, self.batch_size = self._whole('seed', seed, 0), self._whole('batch_size', batch_size, 1)

    def _whole(self, name: str, value: Any, least: int) -> int:
        if type(value) is not int or value < least:
            raise ValueError(f'{self.option}.{name}={value!r} must be a whole number from {least} on')
        return value

    @property
    def name(self) -> str:
        """What ``--test-time`` takes."""
        return type(self).__module__.rpartition('.')[2].replace('_', '-')

    @property
    def option(self) -> str:
        """Where its options are in a config."""
        return f'test_time.{self.name}'

    @abstractmethod
    def step(self, session: Session, said: Said) -> None:
        """Learn from the batch of which the model said this."""

    def parameters(self, model: Any) -> Sequence[Any]:
        """Which parameters of a model move.

        Raises:
            ValueError: If this model cannot be adapted so.
        """
        return ()

    def optimizer(self, parameters: Sequence[Any]) -> torch.optim.Optimizer:
        """A new optimizer."""
        raise NotImplementedError

    def rate(self, size: int) -> float:
        """Learning rate for a batch of ``size`` samples."""
        raise NotImplementedError

    def stream(self, loader: Mapping[str, Any], dataset: Any) -> Any:
        """A loader of all samples of a data set, in the order and the batches of the method.

        Args:
            loader (Mapping): Config of the loader of the test.
            dataset (Dataset): Whose samples; see :class:`.TargetStreamBatchSampler`.
        """
        kept = {key: value for key, value in loader.items() if key not in ('sampler', 'batch_sampler', 'drop_last')}
        sampler = dict(type='mmda_ext.TargetStreamBatchSampler', order=self.order, seed=self.seed)
        return Runner.build_dataloader(
            {**kept, 'dataset': dataset, 'batch_size': self.batch_size, 'batch_sampler': sampler,
             'sampler': dict(type='DefaultSampler', shuffle=False)})

    @contextmanager
    def on(self, model: Any, batches: Mapping[Any, int] | None = None) -> Iterator[Session]:
        """Adapt a model inside; afterwards its weights, buffers and flags are those of before, bit by bit.

        Args:
            model (MultimodalRecognizer): Without its distributed wrapper.
            batches (Mapping[str, int], optional): Domain -> number of its batches.

        Yields:
            Session: :meth:`.Session.predict` takes the place of the model's ``predict``.

        Raises:
            ValueError: If this model cannot be adapted so, or several processes share the test.
        """
        if get_world_size() > 1:
            raise ValueError('--test-time adapts to the samples in their order, and each of several processes would '
                             'see a part of them: test in one process, without --launcher')
        parameters = self.parameters(model)
        layers = batch_norms(model) if self.params == 'norm' else []
        with evaluating(model), alone_moving(model, parameters), batch_statistics(layers):
            session = Session(self, model, parameters, batches)
            session.record.on_batches = len(layers)
            try:
                yield session
            finally:
                session.restore()


class Learning(TestTimeMethod):
    """A method that minimises a loss of its own, one step for each batch.

    Args:
        lr (float): Learning rate for batches of 64; smaller batches take proportionally smaller steps.
        params (str): What moves: scale and shift of the normalisation layers (``'norm'``), with batch normalisation by
            the statistics of the batch; the fusion in front of its last layer (``'fusion'``); the last layers
            (``'heads'``).
        predict (str): Whether a batch is predicted ``'before'`` or ``'after'`` the step on it.
        reset (str): Back to the trained weights for each ``'domain'``, or for each ``'batch'``.
        **stream: ``order``, ``seed`` and ``batch_size`` of :class:`TestTimeMethod`.

    Raises:
        ValueError: If an option is out of range.
    """

    #: Share of the normalisation layers of a part that move, from its input on.
    front: ClassVar[float] = 1.0

    def __init__(self, lr: float, params: str, predict: str, reset: str = 'domain', **stream: Any) -> None:
        super().__init__(**stream)
        if isinstance(lr, bool) or not isinstance(lr, (int, float)) or not 0 <= lr < float('inf'):
            raise ValueError(f'{self.option}.lr={lr!r} must be a number from 0 on')
        self.lr, self.params = lr, choose('params', params, PARAMS, self.option)
        self.predict = choose('predict', predict, ('before', 'after'), self.option)
        self.reset = choose('reset', reset, ('domain', 'batch'), self.option)

    def parameters(self, model: Any) -> Sequence[Any]:
        """See :func:`.moving_parameters`."""
        return moving_parameters(model, self.params, self.front, self.option)

    def optimizer(self, parameters: Sequence[Any]) -> torch.optim.Optimizer:
        """SGD with momentum 0.9."""
        return torch.optim.SGD(parameters, lr=self.lr, momentum=.9)

    def rate(self, size: int) -> float:
        """``lr`` times the share of :data:`REFERENCE_BATCH`, 1 at most."""
        return self.lr * min(1., size / REFERENCE_BATCH)

    def step(self, session: Session, said: Said) -> None:
        """One step on :meth:`loss`, if there is one."""
        loss, kept = self.loss(session, said)
        if loss is None:
            session.skip()
        else:
            session.descend(session.gradients(loss), kept)

    def loss(self, session: Session, said: Said) -> tuple[Tensor | None, int]:
        """Scalar to be minimised, None where no sample is worth it; and how many samples it is of."""
        raise NotImplementedError
