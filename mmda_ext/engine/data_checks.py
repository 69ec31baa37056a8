"""Whether the data gives a run its work, fits its model, and how much of it was left out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from torch.utils.data import DataLoader

#: Keys of a model's config -> key of a sample whose values they must exceed, and what those are.
COUNTS = {'num_classes': ('gt_label', 'class labels'), 'num_domains': ('domain_label', 'labels of source domains')}
#: Parts of a model whose counts are those of the data; a backbone may carry a count of its pretraining.
COUNTING_PARTS = ('cls_head', 'objectives')


def datasets_in(dataset: Any) -> Iterator[Any]:
    """A data set, or those inside of wrappers such as ``ConcatDataset`` and ``RepeatDataset``."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for item in inner:
        if item is None:
            yield dataset
        else:
            yield from datasets_in(item)


def dataset_configs_in(dataset: Any) -> Iterator[Any]:
    """Config of a data set, or of those inside of wrappers: the dicts themselves, to be edited."""
    inner = dataset.get('datasets') or [dataset.get('dataset')]
    for item in inner:
        if item is None:
            yield dataset
        else:
            yield from dataset_configs_in(item)


def check_steps(loader: DataLoader, name: str) -> None:
    """Refuse a loader that gives no batch, and one for evaluation that leaves samples out.

    Args:
        loader (DataLoader): The loader.
        name (str): ``'train'``, ``'val'`` or ``'test'``.

    Raises:
        ValueError: With the arithmetic and the keys of the config.
    """
    batches: Any = loader.batch_sampler
    batch_size, drop_last = getattr(batches, 'batch_size', 1), getattr(batches, 'drop_last', False)
    samples = len(loader.dataset)  # type: ignore[arg-type]
    if name != 'train' and drop_last:
        raise ValueError(f'{name}_dataloader.drop_last=True leaves {samples % batch_size} of {samples} samples out of '
                         'the scores: set it to False')
    if isinstance(loader.sampler, InfiniteSampler) or len(loader):
        return
    share = len(loader.sampler)  # type: ignore[arg-type]
    raise ValueError(f'{name}_dataloader gives no batch: {samples} samples on {get_world_size()} process(es) are '
                     f'{share} for each, batch_size={batch_size} and drop_last={drop_last}: lower '
                     f'{name}_dataloader.batch_size, use fewer processes, or set drop_last=False')


def check_counts(model: Mapping[str, Any], dataset: Any) -> None:
    """Refuse a model with fewer classes or source domains than the training data has.

    Args:
        model (Mapping): Config of the model.
        dataset (Dataset): Training data.

    Raises:
        ValueError: If a count is too small; the message names its key.
    """
    largest: dict[str, int] = {}
    for part in datasets_in(dataset):
        for key, value in getattr(part, 'largest_labels', {}).items():
            largest[key] = max(value, largest.get(key, -1))
    for path, value in _counts({key: model[key] for key in COUNTING_PARTS if model.get(key)}, 'model'):
        label, kind = COUNTS[path.rpartition('.')[2]]
        if value <= largest.get(label, -1):
            raise ValueError(f'{path}={value}, but the training data has {kind} from 0 to {largest[label]}: set it to '
                             f'at least {largest[label] + 1}, or choose other domains or classes')


def _counts(node: Any, path: str) -> Iterator[tuple[str, int]]:
    """Dotted key and value of every count in a config."""
    if isinstance(node, Mapping):
        items: Sequence[tuple[Any, Any]] = list(node.items())
    else:
        items = list(enumerate(node)) if isinstance(node, (list, tuple)) else []
    for key, value in items:
        if key in COUNTS and isinstance(value, int):
            yield f'{path}.{key}', value
        else:
            yield from _counts(value, f'{path}.{key}')


def left_out(dataset: Any) -> dict[str, int]:
    """How many samples were left out because a file is missing, ``{'missing': n}``; {} if none."""
    missing = sum(getattr(part, 'num_missing', 0) for part in datasets_in(dataset))
    return {'missing': missing} if missing else {}


def listed(dataset: Any) -> int:
    """Number of samples that the lists name, with those that were left out."""
    return sum(len(part) + getattr(part, 'num_missing', 0) for part in datasets_in(dataset))
