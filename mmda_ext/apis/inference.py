"""A trained recognizer on samples of a user: files, arrays, lists, folders, tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Dataset

from mmda_ext.apis.bar import bar
from mmda_ext.apis.entries import entries_of
from mmda_ext.apis.inputs import Input, read_inputs
from mmda_ext.apis.pipelines import modalities_with, run, test_pipeline, without
from mmda_ext.apis.recognizers import init_recognizer
from mmda_ext.models.missing import check_fill


@dataclass(frozen=True)
class Prediction:
    """What the model says of one sample.

    Args:
        id (str): Of the input.
        label (str): Name of the class with the highest score.
        index (int): Its index.
        scores (dict[str, float]): Class -> probability.
        modality_scores (dict[str, dict[str, float]]): Modality -> the same of this modality alone.
        predictor_scores (dict[str, dict[str, float]]): The same of further predictors, where the model has them.
        row (dict[str, str]): The columns of the input, where it comes from a table.
    """

    id: str
    label: str
    index: int
    scores: dict[str, float]
    modality_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    predictor_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    row: dict[str, str] = field(default_factory=dict)


class MMDAInferencer:
    """Predicts classes of samples as ``tools/test.py`` does.

    >>> inferencer = MMDAInferencer('work_dirs/run')                           # doctest: +SKIP
    >>> inferencer(dict(video='a.mp4', audio='a.wav')).label                   # doctest: +SKIP
    'kick'

    Args:
        run (str | Path | Config): Folder of a run, or a config, or the name of a method.
        checkpoint (str | Path, optional): Needed with a config; of a run, by default the one that it tested.
        device (str, optional): By default a GPU, where there is one.
        **flags: ``dataset``, ``target``, ``sources``, ``modalities`` of a method.

    Raises:
        FileNotFoundError: If a file is missing, or the folder is none of a run.
        ValueError: If config or checkpoint cannot be used, or do not fit each other.
    """

    def __init__(self, run: str | Path | Config, checkpoint: str | Path | None = None, device: str | None = None,
                 **flags: Any) -> None:
        if checkpoint is None and not (isinstance(run, (str, Path)) and Path(run).is_dir()):
            raise ValueError(f'{getattr(run, "filename", run)} is a config, and random weights predict nothing: name '
                             'its checkpoint, too, or the folder of a run')
        self.model: Any = init_recognizer(run, checkpoint, device, **flags)
        self.checkpoint: str = self.model.checkpoint
        self.modalities: tuple[str, ...] = tuple(self.model.modalities)
        self.classes: tuple[str, ...] = tuple(map(str, self.model.dataset_meta.get('classes', ())))
        self.batch_size: int = self.model.cfg.test_dataloader.get('batch_size', 1)
        self._pipeline = test_pipeline(self.model.cfg)
        self._words = tuple(modalities_with(self._pipeline, ('TokenizeText', 'HashWords')))
        #: By what is left out.
        self._composed: dict[tuple[str, ...], Compose] = {}

    def __call__(self, inputs: Any, batch_size: int | None = None, workers: int = 0,
                 progress: bool = False) -> Any:
        """Predict one sample, or many.

        Args:
            inputs (Any): One sample ``dict(video=..., audio=...)`` of paths, arrays, words or the dicts that the
                pipeline reads; a list of them; or the path of a table, a folder or an ``.npz`` file.
            batch_size (int, optional): By default that of the config's test, with which the scores of the test are met
                bit for bit.
            workers (int): Processes that read files.
            progress (bool): Show a bar.

        Returns:
            Prediction | list[Prediction]: One for a dict, else a list in the order of the inputs.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If an input cannot be used; the message names it.
        """
        items = read_inputs(inputs, self.modalities)
        for item in items:
            if self._absent(item) and self.model.missing is None:
                self.model.missing = check_fill(self.model, 'left-out', f'{item.id} lacks {self._absent(item)[0]}')
                self.model.data_preprocessor.may_lack = True
        batches = list(self._batches(items, batch_size or self.batch_size))
        loader = DataLoader(_Prepared(items, self._prepare), batch_sampler=batches, num_workers=workers,
                            collate_fn=pseudo_collate)
        found: dict[int, Prediction] = {}
        with bar('predict', len(items), progress) as advance, torch.inference_mode():
            for indices, batch in zip(batches, loader):
                found.update((index, self._prediction(items[index], sample))
                             for index, sample in zip(indices, self.model.test_step(batch)))
                advance(len(indices))
        return found[0] if isinstance(inputs, Mapping) else [found[index] for index in range(len(items))]

    def _absent(self, item: Input) -> tuple[str, ...]:
        return tuple(name for name in self.modalities if name not in item.values)

    def _batches(self, items: Sequence[Input], size: int) -> Iterator[list[int]]:
        """Indices of each batch, in order among those that have the same modalities."""
        order = sorted(range(len(items)), key=lambda index: self._absent(items[index]))
        for _, group in groupby(order, key=lambda index: self._absent(items[index])):
            indices = list(group)
            yield from (indices[start:start + size] for start in range(0, len(indices), size))

    def _prepare(self, item: Input) -> Any:
        entries = entries_of(item, self._words, self.model.dataset_meta.get('features'))
        absent = self._absent(item)
        if absent not in self._composed:
            init_default_scope(self.model.cfg.get('default_scope', 'mmaction'))
            self._composed[absent] = Compose(without(self._pipeline, absent))
        return run(self._composed[absent], dict(modalities=entries, sample_id=item.id, is_target=False))

    def _prediction(self, item: Input, sample: Any) -> Prediction:
        scores = sample.pred_score
        if not torch.isfinite(scores).all():
            raise ValueError(f'{item.id}: the scores {scores.tolist()[:8]} are not finite: look for NaN in the weights '
                             f'of {self.checkpoint}')
        index = int(scores.argmax())
        further = {kind: {name: self._named(value) for name, value in (sample.get(kind) or {}).items()}
                   for kind in ('modality_scores', 'predictor_scores')}
        return Prediction(item.id, self._names(len(scores))[index], index, self._named(scores), **further, row=item.row)

    def _names(self, count: int) -> list[str]:
        """Of the classes; those that the training did not name are numbers."""
        return [self.classes[index] if index < len(self.classes) else str(index) for index in range(count)]

    def _named(self, scores: torch.Tensor) -> dict[str, float]:
        return dict(zip(self._names(len(scores)), scores.tolist()))


class _Prepared(Dataset):
    """Samples after their pipeline."""

    def __init__(self, items: Sequence[Input], prepare: Callable[[Input], Any]) -> None:
        self.items, self.prepare = items, prepare

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.prepare(self.items[index])
