"""Predictions from some of the modalities that a model was trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.heads.base import probabilities
from mmda_ext.models.predictors import combine


def check_can_miss(model: Any, absent: Sequence[str]) -> None:
    """Refuse to predict without modalities where the model would see what no training has shown it.

    A model can do without some if it was trained so (``feature_dropout``), if its fusion adds logits of modalities, or
    if its prediction is that of the heads of the modalities.

    Args:
        model (MultimodalRecognizer): The model.
        absent (Sequence[str]): Modalities that a sample lacks.

    Raises:
        ValueError: Naming them, and what to do.
    """
    head = model.cls_head
    if not absent or head.feature_dropout is not None or head.fusion.additive or model.predictor == 'modalities':
        return
    raise ValueError(f'the input lacks {", ".join(absent)}, and this model, whose {type(head.fusion).__name__} was trained '
                     f'with {", ".join(model.modalities)} always there, cannot predict without: give it, or train a model '
                     'that can, such as the methods modality-dropout, base-sum, or any with model.predictor=modalities')


def predict_present(model: Any, batch: Mapping[str, Any], absent: Sequence[str]) -> list[Any]:
    """Predict a batch whose samples all lack the same modalities.

    Features of what is absent are 0, as in training with ``feature_dropout``; a fusion that adds logits leaves them out.

    Args:
        model (MultimodalRecognizer): In evaluation mode.
        batch (Mapping): ``inputs`` and ``data_samples`` as the collate function hands them over.
        absent (Sequence[str]): Modalities that they lack.

    Returns:
        list: The samples, with scores of the model and of each modality that is there.
    """
    features = _features(model, batch, absent)
    present = [name for name in model.modalities if name not in absent]
    alone = model.cls_head.modality_logits(features)
    logits = _logits(model, features, present)
    for index, sample in enumerate(batch['data_samples']):
        score = probabilities(logits)[index]
        sample.set_pred_score(score)
        sample.set_pred_label(score.argmax().reshape(1))
        sample.set_field({name: probabilities(alone[name])[index] for name in present}, 'modality_scores', dtype=dict)
    return list(batch['data_samples'])


def _features(model: Any, batch: Mapping[str, Any], absent: Sequence[str]) -> dict[str, Tensor]:
    preprocessor, count = model.data_preprocessor, len(batch['data_samples'])
    inputs = preprocessor.present(batch, absent)
    own = model.extract_present(inputs, count)
    like, widths = next(iter(own.values())), model.cls_head.fusion.in_channels
    return {name: own[name] if name in own else like.new_zeros(count, widths[name]) for name in model.modalities}


def _logits(model: Any, features: Mapping[str, Tensor], present: Sequence[str]) -> Tensor:
    heads = [model.modality_heads[name](features[name]) for name in present] if model.predictor != 'fused' else []
    if model.predictor == 'modalities':
        return combine(heads)
    fusion = model.cls_head.fusion
    if fusion.additive:
        split = fusion.modality_logits(features, 'share')
        fused = torch.stack([split[name] for name in present]).sum(0)
    else:
        fused = fusion(features)
    return combine([*heads, fused]) if heads else fused
