"""One method on one model for one stream of unlabelled batches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmda_ext.models.predictors import every_predictor, report, scored

if TYPE_CHECKING:
    from mmda_ext.engine.test_time.base import TestTimeMethod


@dataclass(frozen=True)
class Said:
    """What the model says of a batch, with its graph.

    Args:
        features (dict[str, Tensor]): Modality -> ``(N, D_m)``.
        logits (Tensor): Of the model's predictor, ``(N, C)``.
        heads (dict[str, Tensor]): Modality -> logits of its own head ``(N, C)``; empty where the model has none.
    """

    features: dict[str, Tensor]
    logits: Tensor
    heads: dict[str, Tensor]


@dataclass
class Record:
    """What a session did.

    Args:
        parameters (int): Numbers that could move.
        batches (int): Batches seen.
        steps (int): Steps taken.
        skipped (int): Batches without a step, because the method found nothing to learn from.
        kept (int): Samples that a step learned from.
        resets (int): Returns to the trained weights: for another domain, or because the method asked.
        without_gradient (int): Numbers among ``parameters`` that the loss of a step did not reach; the most.
        smallest_batch (int): Samples of the smallest batch.
        on_batches (int): Layers of batch normalisation that took the statistics of the batch.
    """

    parameters: int = 0
    batches: int = 0
    steps: int = 0
    skipped: int = 0
    kept: int = 0
    resets: int = 0
    without_gradient: int = 0
    smallest_batch: int = 0
    on_batches: int = 0


class Session:
    """Predicts batch after batch and adapts the model meanwhile; made by :meth:`.base.TestTimeMethod.on`.

    Args:
        method (TestTimeMethod): What to minimise, and how.
        model (MultimodalRecognizer): In evaluation mode.
        parameters (Sequence[Parameter]): Which move.
        batches (Mapping[str, int], optional): Domain -> number of its batches, for methods that must know.

    Attributes:
        memory (dict): What a method keeps from batch to batch; emptied with every reset.
        batch (int): Number of the batch in its domain, from 0 on.
    """

    def __init__(self, method: 'TestTimeMethod', model: Any, parameters: Sequence[Any],
                 batches: Mapping[Any, int] | None) -> None:
        self.method, self.model, self.parameters, self.batches = method, model, list(parameters), batches
        self._start = [own.detach().clone() for own in self.parameters]
        self.record = Record(parameters=sum(own.numel() for own in self.parameters))
        self.domain: Any = None
        self._inputs: Any = None
        self._samples: list[Any] = []
        self.batch = 0
        self._begin()

    def _begin(self) -> None:
        self.memory: dict[str, Any] = {}
        self.optimizer = self.method.optimizer(self.parameters) if self.parameters else None

    def reset(self) -> None:
        """The trained weights, bit by bit, a new optimizer, and nothing in the memory."""
        with torch.no_grad():
            for own, value in zip(self.parameters, self._start):
                own.copy_(value)
        self.record.resets += 1
        self._begin()

    def restore(self) -> None:
        """The trained weights, at the end of the stream."""
        self.reset()
        self.record.resets -= 1

    def predict(self, inputs: Mapping[str, Any], data_samples: list[Any]) -> list[Any]:
        """As :meth:`MultimodalRecognizer.predict`, before or after the step on this batch.

        Raises:
            ValueError: If the samples are of several domains, or the batch cannot be learned from.
        """
        self._enter(data_samples)
        self._inputs, self._samples = inputs, data_samples
        steps = self.record.steps
        with torch.enable_grad():
            said = self.forward()
        if self.method.predict == 'before':
            self._report(said.features)
        with torch.enable_grad():
            self.method.step(self, said)
        if self.method.predict == 'after':
            if self.record.steps > steps:
                with torch.no_grad():
                    said = self.forward()
            self._report(said.features)
        self.record.batches, self.batch = self.record.batches + 1, self.batch + 1
        self.record.smallest_batch = min(self.record.smallest_batch or len(data_samples), len(data_samples))
        return data_samples

    def forward(self) -> Said:
        """What the model as it is now says of the current batch.

        Raises:
            ValueError: If batch normalisation has one value of a channel, which has no statistics.
        """
        try:
            features = self.model.extract_feat(self._inputs, len(self._samples))
            found = every_predictor(self.model, features, self._absent)
        except ValueError as error:
            if 'more than 1 value per channel' not in str(error):
                raise
            raise ValueError(f'--test-time: batch normalisation has one value per channel in the batch of sample '
                             f'{self._samples[0].get("sample_id")}, and one value has no statistics: give its domain '
                             'two samples or more, or set `params` of the method to fusion') from error
        heads = {name: found[f'head_{name}'] for name in self.model.modalities if f'head_{name}' in found}
        return Said(features, found[scored(self.model.predictor, found)], heads)

    @property
    def _absent(self) -> list[str]:
        return [name for name in self.model.modalities if name not in self._inputs]

    def _report(self, features: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            report(self.model, self._inputs, {name: value.detach() for name, value in features.items()}, self._absent,
                   self._samples)

    def _enter(self, data_samples: Sequence[Any]) -> None:
        domains = {sample.get('domain') for sample in data_samples}
        if len(domains) > 1:
            raise ValueError(f'--test-time adapts to one domain at a time, and a batch holds samples of '
                             f'{", ".join(sorted(map(str, domains)))}: use mmda_ext.TargetStreamBatchSampler')
        domain = domains.pop()
        fresh = self.record.batches == 0
        if fresh or domain != self.domain:
            self.domain, self.batch = domain, 0
        if not fresh and (self.batch == 0 or self.method.reset == 'batch'):
            self.reset()

    def gradients(self, loss: Tensor) -> list[Tensor | None]:
        """Of a loss at the parameters; None where it does not depend on one.

        Raises:
            ValueError: If it depends on none, or it or a gradient is not finite.
        """
        found: Sequence[Tensor | None] = ()
        if loss.requires_grad:
            found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        if all(value is None for value in found):
            raise ValueError(f'--test-time: the loss reaches none of the {len(self.parameters)} tensors that should '
                             f'adapt (params={self.method.params!r}), because no gradient passes them: set `params` of '
                             'the method to fusion')
        if not all(torch.isfinite(value).all() for value in (loss, *found) if value is not None):
            raise ValueError(f'--test-time: loss ({loss.item():g}) or gradient is not finite in the batch of sample '
                             f'{self._samples[0].get("sample_id")}: lower `lr` of the method, or look for NaN in the '
                             'files')
        missed = sum(own.numel() for own, value in zip(self.parameters, found) if value is None)
        self.record.without_gradient = max(self.record.without_gradient, missed)
        return list(found)

    def descend(self, gradients: Sequence[Tensor | None], kept: int) -> None:
        """One step of the optimizer, which learned from ``kept`` samples of the batch."""
        assert self.optimizer is not None
        for group in self.optimizer.param_groups:
            group['lr'] = self.method.rate(len(self._samples))
        for own, value in zip(self.parameters, gradients):
            own.grad = value
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.record.steps += 1
        self.record.kept += kept

    def skip(self) -> None:
        """No step on this batch; without one, momentum does not move the weights either."""
        self.record.skipped += 1

    @contextmanager
    def moved(self, by: Sequence[Tensor | None]) -> Iterator[None]:
        """Inside, the parameters moved by that much; afterwards those of before, bit by bit."""
        before = [own.detach().clone() for own in self.parameters]
        with torch.no_grad():
            for own, value in zip(self.parameters, by):
                if value is not None:
                    own.add_(value)
        try:
            yield
        finally:
            with torch.no_grad():
                for own, value in zip(self.parameters, before):
                    own.copy_(value)

    def summary(self) -> dict[str, Any]:
        """What was done, for a file of results."""
        return asdict(self.record)
