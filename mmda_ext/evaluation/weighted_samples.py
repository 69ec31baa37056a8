"""Predicted samples of a model with several predictors: as evidence for weights, and predicted again with weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmda_ext.evaluation.samples import label_of, scores_of
from mmda_ext.evaluation.weighting import Evidence

Sample = dict[str, Any]


def predictors_of(samples: Sequence[Sample]) -> list[str]:
    """Names of the predictors that can be weighed: the fused classifier and the class head of each modality.

    Raises:
        ValueError: If the first sample has no scores of heads.
    """
    known = (samples[0].get('predictor_scores') or {}) if samples else {}
    names = [name for name in known if name == 'fused' or name.startswith('head_')]
    if len(names) < 2:
        raise ValueError('there is nothing to weigh without class heads of the modalities beside the fused classifier: '
                         'take a recipe that has them, such as configs/methods/heads.py')
    return names


def evidence_of(samples: Sequence[Sample]) -> Evidence:
    """What the predictors said of these samples, in the order of :func:`predictors_of`."""
    log_probs = torch.stack([_log_probabilities(sample, predictors_of(samples)) for sample in samples], dim=1)
    return Evidence(log_probs.numpy(), np.array([label_of(sample, 'weights') for sample in samples]))


def weighted_samples(samples: Sequence[Sample], rules: Mapping[str, np.ndarray], rule: str) -> list[Sample]:
    r"""The samples with ``pred_score`` :math:`\operatorname{softmax}(\sum_k w_k \log p_k)`, float64.

    Args:
        samples (Sequence[dict]): Predicted samples, with ``predictor_scores``.
        rules (dict): Name -> weights ``(K, )``; what each rule predicts is added to ``predictor_scores``.
        rule (str): Whose prediction ``pred_score`` is.
    """
    names = predictors_of(samples)
    out = []
    for sample in samples:
        log_probs = _log_probabilities(sample, names)
        scores = {name: torch.as_tensor(weights) @ log_probs for name, weights in rules.items()}
        scores = {name: score.softmax(0) for name, score in scores.items()}
        single = {name: sample['predictor_scores'][name] for name in names}
        out.append({**sample, 'pred_score': scores[rule], 'predictor_scores': {**single, **scores}})
    return out


def _log_probabilities(sample: Sample, names: Sequence[str]) -> Tensor:
    """``(K, C)``, float64. What float32 rounded to 0 was a probability."""
    own, label = sample.get('predictor_scores') or {}, label_of(sample, 'weights')
    scores = [scores_of(sample, name, own.get(name), label, 'weights') for name in names]
    return torch.stack(scores).double().clamp_min(torch.finfo(torch.float32).tiny).log()
