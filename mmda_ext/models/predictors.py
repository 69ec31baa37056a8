"""What a model with several predictors says: its fused classifier, the class heads of its modalities, and both."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmda_ext.gradients.probe import widen
from mmda_ext.models.step import Predictions

PREDICTORS = ('fused', 'modalities', 'all')


def combine(logits: Sequence[Tensor]) -> Tensor:
    r""":math:`\frac{1}{K} \sum_k \log \operatorname{softmax}(l_k)`, in float32 or wider: logits ``(N, C)``.

    The class is that of the summed log-probabilities. Their softmax is a probability because of the mean: a product of
    K predictors that agree would be far surer than each of them.

    Args:
        logits (Sequence[Tensor]): Of each predictor, ``(N, C)``.
    """
    return torch.stack([widen(value).log_softmax(1) for value in logits]).mean(0)


def every_predictor(predictions: Predictions) -> dict[str, Tensor]:
    """Logits ``{name: (N, C)}``; none where the model has no heads, so that there is nothing to choose.

    The names are those of :data:`PREDICTORS`, and ``head_<modality>`` for the head of a modality alone.
    """
    heads = predictions.modality_logits
    if not heads:
        return {}
    return {
        'fused': predictions.logits,
        **{f'head_{name}': value for name, value in heads.items()},
        'modalities': combine(list(heads.values())),
        'all': combine([*heads.values(), predictions.logits]),
    }
