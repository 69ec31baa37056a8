"""What every metric reads of a predicted sample, with messages that name the sample."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

#: Fields of a sample with more scores than those of the model as a whole, without ``_scores``.
KINDS = ('modality', 'predictor')


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


def scores_of(sample: Mapping[str, Any], name: str, score: Any, label: int, metric: str) -> Tensor:
    """Class scores ``(C, )`` in float32 or wider.

    Raises:
        ValueError: If there are none, one is not finite, or the label is not among the classes.
    """
    if score is None:
        raise ValueError(f'{metric}: {_name(sample)} has no {name}; the model must be called in predict mode')
    score = torch.as_tensor(score).flatten().float()
    if not 0 <= label < score.numel():
        raise ValueError(f'{metric}: {_name(sample)} has gt_label {label}, but {name} has {score.numel()} classes; '
                         'check num_classes of the head and the classes of the data set')
    if not torch.isfinite(score).all():
        raise ValueError(f'{metric}: {_name(sample)} has {name} {score.tolist()[:8]}, which is not finite, so there is '
                         'no accuracy: look for NaN in the files of this sample and in the weights of the checkpoint')
    return score


def further_scores(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of each modality alone and of further predictors, by ``<kind>/<name>``: the prefix of their metrics."""
    return {f'{kind}/{name}': scores for kind in KINDS for name, scores in (sample.get(f'{kind}_scores') or {}).items()}


def by_split(compute: Callable[[Sequence[Any]], dict[str, float]], results: Sequence[Any], split: str | None,
             metric: str) -> dict[str, float]:
    """Metrics of all results; or of those of ``split``, and of all under names that end in ``_transductive``.

    Args:
        compute (Callable): Results -> metrics.
        results (Sequence): Mappings with ``split``, None where the sample does not say it.
        split (str, optional): The part that is held out from adaptation.
        metric (str): Name for messages.

    Raises:
        ValueError: If a result has no split, or none is of the one wanted.
    """
    if split is None:
        return compute(results)
    found = sorted({str(item['split']) for item in results})
    if split not in found or 'None' in found:
        raise ValueError(f'{metric}: inductive_split={split!r} needs samples of that split, and all of them must say '
                         f'theirs, found {found}: test on split=\'all\' of a data set that has parts, or leave it out')
    inductive = compute([item for item in results if item['split'] == split])
    return {**inductive, **{f'{key}_transductive': value for key, value in compute(results).items()}}


def _name(sample: Mapping[str, Any]) -> str:
    return f'sample {sample.get("sample_id", "(no sample_id)")}'
