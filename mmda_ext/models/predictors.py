"""What a model with several predictors says: its fused classifier, the class heads of its modalities, and both."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmda_ext.gradients.probe import widen
from mmda_ext.models.heads.base import probabilities

PREDICTORS = ('fused', 'modalities', 'all')


def combine(logits: Sequence[Tensor]) -> Tensor:
    r""":math:`\frac{1}{K} \sum_k \log \operatorname{softmax}(l_k)`, in float32 or wider: logits ``(N, C)``.

    The class is that of the summed log-probabilities. Their softmax is a probability because of the mean: a product of
    K predictors that agree would be far surer than each of them.

    Args:
        logits (Sequence[Tensor]): Of each predictor, ``(N, C)``.
    """
    return torch.stack([widen(value).log_softmax(1) for value in logits]).mean(0)


def classify(model: Any, features: Mapping[str, Tensor], absent: Collection[str] = ()) -> Tensor:
    """Logits ``(N, C)`` of the model's ``predictor`` for features ``{m: (N, D_m)}``; see :func:`every_predictor`."""
    if model.predictor == 'fused' and len(features) == len(model.modalities):
        return model.cls_head(features)
    found = every_predictor(model, features, absent)
    return found[scored(model.predictor, found)]


def every_predictor(model: Any, features: Mapping[str, Tensor], absent: Collection[str] = ()) -> dict[str, Tensor]:
    """Logits ``{name: (N, C)}`` of all predictors that can speak.

    The names are those of :data:`PREDICTORS`, and ``head_<modality>`` for the head of a modality alone. Without heads
    there is the fused classifier only. Heads of absent modalities are silent, and so is the fused classifier where
    features are left out and its fusion cannot do without them.

    Args:
        model (MultimodalRecognizer): Whose predictors they are.
        features (dict[str, Tensor]): Modality -> ``(N, D_m)``; what stands for an absent modality, too.
        absent (Collection[str]): Modalities that the samples lack.
    """
    fusion = model.cls_head.fusion
    fused = fusion(features) if len(features) == len(model.modalities) else fusion.of_subset(features)
    found = {} if fused is None else {'fused': fused}
    heads = {name: head(features[name]) for name, head in model.modality_heads.items() if name not in absent}
    if not heads:
        return found
    return {
        **found,
        **{f'head_{name}': value for name, value in heads.items()},
        'modalities': combine(list(heads.values())),
        'all': combine([*heads.values(), *found.values()]),
    }


def scored(predictor: str, found: Mapping[str, Any]) -> str:
    """Which of the predictors found is the model's; its heads, where the fused one cannot speak."""
    return predictor if predictor in found else 'modalities'


def predict_from(model: Any, features: Mapping[str, Tensor], absent: Collection[str] = (),
                 ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Probabilities ``(N, C)`` of the model, ``{m: (N, C)}`` of each modality alone, and of every predictor.

    The last are none where the model has no heads, so that there is nothing to choose. Args as for
    :func:`every_predictor`.
    """
    whole = len(features) == len(model.modalities)
    scores, alone = model.cls_head.predict(features) if whole else (None, {})
    alone = {name: value for name, value in alone.items() if name not in absent}
    if whole and not model.modality_heads:
        return scores, alone, {}
    found = {name: probabilities(logits) for name, logits in every_predictor(model, features, absent).items()}
    name = scored(model.predictor, found)
    return scores if whole and name == 'fused' else found[name], alone, found if model.modality_heads else {}


def report(model: Any, inputs: Mapping[str, Any], features: Mapping[str, Tensor], absent: Collection[str],
           data_samples: list[Any]) -> list[Any]:
    """Add what every predictor says to the samples: the second half of :meth:`MultimodalRecognizer.predict`.

    Args:
        model (MultimodalRecognizer): Whose predictors they are.
        inputs (dict[str, Tensor]): What the features are of.
        features (dict[str, Tensor]): Modality -> ``(N, D_m)``.
        absent (Collection[str]): Modalities that the samples lack.
        data_samples (list): ``N`` samples.
    """
    scores, by_modality, further = predict_from(model, features, absent)
    for objective in model.objectives if not absent else ():
        further.update(objective.predict(model, inputs, features))
    for index, sample in enumerate(data_samples):
        sample.set_pred_score(scores[index])
        sample.set_pred_label(scores[index].argmax().reshape(1))
        for field, values in (('modality_scores', by_modality), ('predictor_scores', further)):
            if values:
                own = {name: value[index] for name, value in values.items()}
                sample.set_field(own, field, dtype=dict)
    return data_samples
