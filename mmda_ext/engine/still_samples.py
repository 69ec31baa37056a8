"""Samples seen as in a test: the training set without augmentation, row by row from all processes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.dist import collect_results
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmda_ext.models.fusions.base import evaluating


def still_loader(train: Mapping[str, Any], val: Mapping[str, Any]) -> dict[str, Any]:
    """Config of a loader of the training set with the pipeline, batch size and order of validation.

    Args:
        train (Mapping): Config of the training loader; its data set may be nested (``ConcatDataset``).
        val (Mapping): Config of the validation loader.

    Raises:
        ValueError: If no pipeline is found in ``val``.
    """
    pipeline = pipeline_in(val['dataset'])
    if pipeline is None:
        raise ValueError('val_dataloader.dataset has no `pipeline` that shows the training samples without '
                         'augmentation: give a `train_dataloader` of its own to what asks for one')
    still = {key: value for key, value in val.items() if key != 'dataset'}
    return {**still, 'dataset': _with_pipeline(train['dataset'], pipeline)}


def pipeline_in(dataset: Mapping[str, Any]) -> Any:
    """Pipeline of a data set, or of the first one inside of a wrapper such as ConcatDataset."""
    if dataset.get('pipeline') is not None:
        return dataset['pipeline']
    inner = dataset.get('datasets') or [dataset[key] for key in ('dataset', ) if key in dataset]
    return pipeline_in(inner[0]) if inner else None


def _with_pipeline(dataset: Mapping[str, Any], pipeline: Any) -> dict[str, Any]:
    changed = dict(dataset)
    if 'datasets' in changed:
        changed['datasets'] = [_with_pipeline(inner, pipeline) for inner in changed['datasets']]
    elif isinstance(changed.get('dataset'), dict):
        changed['dataset'] = _with_pipeline(changed['dataset'], pipeline)
    else:
        changed['pipeline'] = pipeline
        if 'test_mode' in changed:
            changed['test_mode'] = True
    return changed


def training_set_of(runner: Runner, own: dict[str, Any] | None, who: str, shuffled: bool = False) -> DataLoader:
    """Loader of the training set of a run without augmentation.

    Args:
        runner (Runner): The run.
        own (dict, optional): Config of a loader to use instead.
        who (str): Who asks, for the message.
        shuffled (bool): In an order of its own for each epoch that its sampler is told.

    Raises:
        ValueError: If the run counts iterations or does not validate, or its validation has no pipeline.
    """
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise ValueError(f'{who} acts between epochs, and this run counts iterations: set train_cfg.by_epoch=True')
    if runner.val_loop is None:
        raise ValueError(f'{who} compares training with source validation, and this run has none: add '
                         '`val_dataloader`, `val_cfg` and `val_evaluator`, and do not pass --no-validate')
    config = own or still_loader(runner.cfg.train_dataloader, runner.cfg.val_dataloader)
    if shuffled:
        config = {**config, 'sampler': dict(type='DefaultSampler', shuffle=True)}
    return Runner.build_dataloader(config, seed=runner.seed)


def recognizer_of(runner: Runner, who: str) -> Any:
    """The model of a run without its distributed wrapper.

    Raises:
        TypeError: If it is no multimodal recognizer.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if not hasattr(model, 'encoder_parameters'):
        raise TypeError(f'{who} needs a model with an encoder for each modality, such as '
                        f'mmda_ext.MultimodalRecognizer; {type(model).__name__} is none')
    return model


def sample_rows(model: Any, batches: Iterable[Any], read: Callable[[Any, list[Any]], list[Any]],
                keep: Callable[[Any], bool], size: int | None = None) -> list[Any]:
    """What ``read(inputs, data_samples)`` returns for each sample that is kept, in the order of the data set.

    The model is in evaluation mode meanwhile. With several processes, each of which reads its share as MMEngine's
    ``DefaultSampler`` deals it out without shuffling, the main one returns all rows and the others none.

    Args:
        model (MultimodalRecognizer): Without its distributed wrapper.
        batches (Iterable): Batches of a data loader.
        read (Callable): One row for each sample of a batch.
        keep (Callable): Whether the row of a sample is wanted.
        size (int, optional): Length of the data set; ``None`` for batches that are not shared out among processes.
    """
    rows: list[list[Any]] = []
    with torch.no_grad(), evaluating(model):
        for batch in batches:
            data = model.data_preprocessor(batch, False)
            samples = data['data_samples']
            found = read(data['inputs'], samples)
            rows += [[row] if keep(sample) else [] for row, sample in zip(found, samples)]
    if size is not None:
        # The device form goes through the process group, on any backend; the other needs a shared folder.
        rows = collect_results(rows, size, 'gpu') or []
    return [row for kept in rows for row in kept]


def is_labelled(sample: Any) -> bool:
    """Whether a sample has a class label."""
    return 'gt_label' in sample


def is_labelled_source(sample: Any) -> bool:
    """Whether a sample has a class label and is not of the target."""
    return is_labelled(sample) and not sample.get('is_target', False)


def feature_rows(features: Mapping[str, torch.Tensor]) -> list[dict[str, np.ndarray]]:
    """Of features ``{m: (N, D_m)}`` those of each sample, ``{m: (D_m, )}``, in float32 on the host."""
    found = {name: value.float().cpu().numpy() for name, value in features.items()}
    return [dict(zip(found, row)) for row in zip(*found.values())]


def labelled_features(model: Any, batches: Iterable[Any], keep: Callable[[Any], bool] = is_labelled,
                      size: int | None = None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features ``{m: (N, D_m)}`` and labels ``(N, )`` of the kept samples; see :func:`sample_rows`."""

    def read(inputs: Any, samples: list[Any]) -> list[Any]:
        features = feature_rows(model.extract_feat(inputs, len(samples)))
        return [(own, int(sample.gt_label) if keep(sample) else -1) for own, sample in zip(features, samples)]

    rows = sample_rows(model, batches, read, keep, size)
    names = rows[0][0] if rows else ()
    return {name: np.stack([own[name] for own, _ in rows]) for name in names}, np.array([label for _, label in rows])
