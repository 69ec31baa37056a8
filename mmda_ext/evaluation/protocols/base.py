"""What a protocol is, and what it is given of a trained model and its test."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, collect_results
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mmda_ext.engine.data_checks import dataset_configs_in
from mmda_ext.engine.still_samples import (
    is_labelled_source,
    labelled_features,
    recognizer_of,
    sample_rows,
    still_loader,
)
from mmda_ext.engine.test_time.base import TestTimeMethod
from mmda_ext.evaluation.samples import further_scores, label_of, scores_of

#: The predictor whose score the test reports: that of the model as a whole.
MODEL = 'model'


class Protocol(ABC):
    """One evaluation; the arguments of the constructor are its options, all with defaults."""

    @abstractmethod
    def evaluate(self, evaluation: 'Evaluation') -> dict[str, Any]:
        """Numbers for ``result.json`` by name; lists and dicts may be nested.

        Raises:
            ValueError: If this model or its data cannot be evaluated so, in one sentence.
        """

    @abstractmethod
    def table(self, result: Mapping[str, Any]) -> str:
        """The numbers for people, in Markdown."""

    def draw(self, result: Mapping[str, Any], folder: Path) -> Sequence[Path]:
        """Write pictures into ``folder``, and say which."""
        return ()


@dataclass(frozen=True)
class Scores:
    """What the predictors of a model say of the samples of one evaluation.

    Args:
        sample_ids (list[str]): Of the ``N`` samples, in the order of their data set.
        labels (Tensor): Class of each, ``(N, )`` int64.
        probabilities (dict[str, Tensor]): Predictor -> ``(N, C)`` float32: ``'model'``, then ``'modality/<m>'`` and
            ``'predictor/<name>'`` as in the names of the metrics.
    """

    sample_ids: list[str]
    labels: Tensor
    probabilities: dict[str, Tensor]

    def accuracy(self, predictor: str = MODEL) -> float:
        """Top-1 accuracy in percent; the lower class wins among equals, as in the metrics."""
        return accuracy(self.probabilities[predictor], self.labels)


@dataclass(frozen=True)
class Features:
    """Features ``{m: (N, D_m)}`` of samples in front of fusion and heads, and their labels ``(N, )``."""

    values: dict[str, Tensor]
    labels: Tensor


class TestedSamples(Hook):
    """Keeps what the test loop predicted, so that no protocol predicts it again."""

    __test__ = False  # not a test case, whatever the name suggests to pytest

    def __init__(self) -> None:
        self.outputs: list[Any] = []

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.outputs.extend(outputs)


class Evaluation:
    """A trained model, its test, and ways to look at both; every process of a run sees all samples.

    Where the metrics of the test count one split apart (``inductive_split``), only its samples are evaluated.

    Args:
        runner (Runner): After its test.
        tested (Sequence): The samples that the test predicted, on this process.
        metrics (Mapping): What the evaluator of the test said of them.

    Attributes:
        adaptations (dict[str, TestTimeMethod]): By which methods the model can be adapted to a test.
    """

    def __init__(self, runner: Runner, tested: Sequence[Any], metrics: Mapping[str, Any] | None = None) -> None:
        self.runner, self.cfg, self._tested, self.metrics = runner, runner.cfg, tested, metrics or {}
        self.work_dir = Path(runner.work_dir)
        self.adaptations: dict[str, TestTimeMethod] = {}

    @cached_property
    def model(self) -> Any:
        """The recognizer, without a distributed wrapper.

        Raises:
            TypeError: If the model has no encoder for each modality.
        """
        return recognizer_of(self.runner, 'this protocol')

    @cached_property
    def clean(self) -> Scores:
        """What the model said in its test."""
        rows = [[_row(sample)] if self._counts(sample) else [] for sample in self._tested]
        return _scores(_joined(rows, len(self.runner.test_dataloader.dataset)))

    def scores(self, loader: Mapping[str, Any], labelled: bool = True, all_splits: bool = False) -> Scores:
        """What the model says of the samples of another loader: an edited :meth:`test_loader`.

        Args:
            loader (Mapping): Its config.
            labelled (bool): Whether all samples have labels; those of the others are -1.
            all_splits (bool): Whether samples count that ``inductive_split`` of the test leaves out.
        """
        model = self.runner.model.module if is_model_wrapper(self.runner.model) else self.runner.model
        built = self.build(loader)
        rows = sample_rows(model, built, lambda inputs, samples: [_row(sample, labelled) for sample in model(
            inputs, samples, mode='predict')], _all if all_splits else self._counts, len(built.dataset))
        return _scores(_everywhere(rows))

    def adapted(self, method: TestTimeMethod, loader: Mapping[str, Any], dataset: Any) -> Scores:
        """What the model says of labelled samples while it adapts to them, in the order of their stream."""
        stream = method.stream(loader, dataset)
        with method.on(self.model, stream.batch_sampler.batches) as session:
            rows = sample_rows(self.model, stream, lambda inputs, samples: [
                _row(sample) for sample in session.predict(inputs, samples)], self._counts)
        return _scores(rows)

    @cached_property
    def unknown(self) -> tuple[list[str], Scores] | None:
        """Classes that the data sets of the test hold out, and what the model says of their samples; None of none."""
        loader, classes = self.test_loader(), []
        for dataset in dataset_configs_in(loader['dataset']):
            classes += [name for name in dataset.get('unknown_classes') or () if name not in classes]
            dataset['only_unknown'] = True
        return (classes, self.scores(loader, labelled=False)) if classes else None

    @cached_property
    def validation(self) -> Scores:
        """What the model says of the validation samples, which are of the sources.

        Raises:
            ValueError: If the config has none.
        """
        if self.cfg.get('val_dataloader') is None:
            raise ValueError(f'{self.cfg.filename} has no `val_dataloader`, whose samples this protocol needs')
        return self.scores(copy.deepcopy(dict(self.cfg.val_dataloader)), all_splits=True)

    def test_loader(self) -> dict[str, Any]:
        """Config of the loader of the test: a copy, to be edited."""
        return copy.deepcopy(dict(self.cfg.test_dataloader))

    def training_loader(self) -> dict[str, Any]:
        """Config of a loader of the training set that shows it as a test does: no augmentation, in order.

        Raises:
            ValueError: If the config has no training set.
        """
        train = self.cfg.get('train_dataloader')
        if train is None:
            raise ValueError(f'{self.cfg.filename} has no `train_dataloader`, whose statistics this protocol needs')
        return copy.deepcopy(still_loader(train, self.cfg.get('val_dataloader') or self.cfg.test_dataloader))

    def build(self, loader: Mapping[str, Any]) -> Any:
        """The `DataLoader` of a config."""
        return Runner.build_dataloader(copy.deepcopy(dict(loader)), seed=self.runner.seed)

    @cached_property
    def features(self) -> Features:
        """Of the samples of the test: one pass, however many protocols ask."""
        return self._features(self.runner.test_dataloader, self._counts)

    @cached_property
    def training_features(self) -> Features:
        """Of the labelled training samples of the sources, without augmentation."""
        return self._features(self.build(self.training_loader()), is_labelled_source)

    def _features(self, loader: Any, keep: Any) -> Features:
        found, labels = labelled_features(self.model, loader, keep, len(loader.dataset))
        found, labels = _everywhere((found, labels))
        return Features({name: torch.from_numpy(value) for name, value in found.items()}, torch.from_numpy(labels))

    def _counts(self, sample: Any) -> bool:
        metrics = getattr(self.runner.test_loop.evaluator, 'metrics', ())
        splits = {getattr(metric, 'inductive_split', None) for metric in metrics} - {None}
        return len(splits) != 1 or sample.get('split') in splits


def accuracy(probabilities: Tensor, labels: Tensor) -> float:
    """Top-1 accuracy in percent of ``(N, C)`` against ``(N, )``; the lower class wins among equals."""
    return 100. * (probabilities.argmax(1) == labels).double().mean().item()


def _all(sample: Any) -> bool:
    return True


def _row(sample: Any, labelled: bool = True) -> tuple[str, int, dict[str, Tensor]]:
    label = label_of(sample, '--protocol') if labelled else -1
    found = {MODEL: sample.get('pred_score'), **further_scores(sample)}
    scores = {name: scores_of(sample, name, score, max(label, 0), '--protocol').cpu() for name, score in found.items()}
    return str(sample.get('sample_id')), label, scores


def _scores(rows: Sequence[tuple[str, int, dict[str, Tensor]]]) -> Scores:
    if not rows:
        raise ValueError('the test has no sample that counts, so there is nothing to evaluate: look at its data set '
                         'and at inductive_split of its metrics')
    # A predictor of some samples only is not one of the model.
    names = [name for name in rows[0][2] if all(name in scores for _, _, scores in rows)]
    return Scores([name for name, _, _ in rows], torch.tensor([label for _, label, _ in rows]),
                  {name: torch.stack([scores[name] for _, _, scores in rows]) for name in names})


def _joined(rows: list[list[Any]], size: int) -> list[Any]:
    """Rows of all processes, in the order of the data set, on all of them."""
    return _everywhere([row for kept in collect_results(rows, size, 'gpu') or [] for row in kept])


def _everywhere(found: Any) -> Any:
    """What the main process has, on all of them."""
    shared = [found]
    broadcast_object_list(shared)
    return shared[0]
