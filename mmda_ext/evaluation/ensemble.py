"""One prediction out of those of several trainings, such as one of each modality alone (UME, Du et al., ICML 2023)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.evaluation.samples import label_of, scores_of

RULES = ('prob', 'log')
Sample = dict[str, Any]


def ensemble(members: Mapping[str, Sequence[Sample]], rule: str = 'prob') -> tuple[list[Sample], dict[str, int]]:
    r"""Join predictions by ``sample_id``, never by position, and combine them.

    ``'prob'``: :math:`\frac{1}{K} \sum_k p_k`; ``'log'``: :math:`\operatorname{softmax}(\frac{1}{K} \sum_k \log p_k)`.
    A sample that some members have not seen, because a file of their modality is missing, is predicted by the others.

    Args:
        members (dict[str, list]): Name -> samples with ``sample_id``, ``gt_label`` and ``pred_score``.
        rule (str): Which of the two.

    Returns:
        tuple[list, dict]: The samples, in the order in which they first occur, with the joint ``pred_score`` ``(C, )``
        and those of the members as ``predictor_scores``; and member -> number of the samples that it lacks.

    Raises:
        ValueError: If a sample has no name, no scores, or two of them in one member; if members contradict each other
            about its label or the number of classes; or if no sample is in all members.
    """
    choose('rule', rule, RULES, 'ensemble')
    if not members:
        raise ValueError('an ensemble needs the predictions of one member or more')
    tables = {name: _by_id(name, samples) for name, samples in members.items()}
    known = dict.fromkeys(key for table in tables.values() for key in table)
    if not set.intersection(*map(set, tables.values())):
        raise ValueError(f'no sample is in the predictions of all members {", ".join(tables)}: test them on the same '
                         'target and the same split')
    joined = [_join(key, {name: table[key] for name, table in tables.items() if key in table}, rule) for key in known]
    lacking = {name: len(known) - len(table) for name, table in tables.items()}
    return joined, {name: number for name, number in lacking.items() if number}


def combine_probabilities(scores: Sequence[Tensor], rule: str) -> Tensor:
    """Probabilities ``(C, )`` of each member -> those of all, ``(C, )``, float64."""
    stacked = torch.stack([score.double() for score in scores])
    if rule == 'prob':
        return stacked.mean(0)
    # What float32 rounded to 0 was a probability, not the certainty that the class is another one.
    return stacked.clamp_min(torch.finfo(torch.float32).tiny).log().mean(0).softmax(0)


def _by_id(name: str, samples: Sequence[Sample]) -> dict[str, Sample]:
    table: dict[str, Sample] = {}
    for sample in samples:
        key = sample.get('sample_id')
        if key is None:
            raise ValueError(f'member {name}: a sample has no sample_id, by which predictions are joined: test with a '
                             'data set of mmda_ext')
        if key in table:
            raise ValueError(f'member {name}: sample {key} is there twice: write the dump anew, with one test set')
        table[key] = sample
    return table


def _join(key: str, own: Mapping[str, Sample], rule: str) -> Sample:
    labels = {name: label_of(sample, 'ensemble') for name, sample in own.items()}
    (first, label), *_ = labels.items()
    scores = {name: scores_of(sample, 'pred_score', sample.get('pred_score'), label, 'ensemble')
              for name, sample in own.items()}
    for what, values in (('label', labels), ('number of classes', {name: len(one) for name, one in scores.items()})):
        other = next((name for name in values if values[name] != values[first]), None)
        if other:
            raise ValueError(f'sample {key}: its {what} is {values[first]} in member {first} and {values[other]} in '
                             f'{other}: train and test all members on one data set')
    told: Sample = {name: own[first][name] for name in ('sample_id', 'domain', 'is_target', 'split', 'gt_label')
            if name in own[first]}
    return {**told, 'pred_score': combine_probabilities(list(scores.values()), rule), 'predictor_scores': scores}
