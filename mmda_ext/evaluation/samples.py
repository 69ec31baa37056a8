"""What every metric reads of a predicted sample, with messages that name the sample."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def label_of(sample: Mapping[str, Any], metric: str) -> int:
    """The one class label of a sample.

    Raises:
        ValueError: If there is none, or more than one.
    """
    label = sample.get('gt_label')
    if label is None:
        raise ValueError(f'{metric}: {_name(sample)} has no gt_label; evaluate a labelled split '
                         '(`unlabeled_target=False` for the data set of the test), an unlabelled one '
                         'has nothing to be compared with')
    flat = torch.as_tensor(label).flatten()
    if flat.numel() != 1:
        raise ValueError(f'{metric}: {_name(sample)} has {flat.numel()} labels {flat.tolist()}; one is needed')
    return int(flat)


def scores_of(sample: Mapping[str, Any], name: str, score: Any, label: int, metric: str) -> Tensor | None:
    """Class scores ``(C, )`` in float32 or wider; None where one is not a number.

    Raises:
        ValueError: If there are none, or the label is not among the classes.
    """
    if score is None:
        raise ValueError(f'{metric}: {_name(sample)} has no {name}; the model must be called in predict mode')
    score = torch.as_tensor(score).flatten().float()
    if not 0 <= label < score.numel():
        raise ValueError(f'{metric}: {_name(sample)} has gt_label {label}, but {name} has {score.numel()} classes; '
                         'check num_classes of the head and the classes of the data set')
    return None if torch.isnan(score).any() else score


def _name(sample: Mapping[str, Any]) -> str:
    return f'sample {sample.get("sample_id", "(no sample_id)")}'
