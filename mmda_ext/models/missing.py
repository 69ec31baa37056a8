"""What stands for a modality that a test sample lacks."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmda_ext.choices import choose

#: ``mean`` needs the training set, which a model does not keep: only an evaluation that has it can ask for it.
FILLS = ('zeros', 'mean', 'translated', 'left-out')
WITHOUT_STATISTICS = tuple(name for name in FILLS if name != 'mean')


def check_fill(model: Any, fill: str, asked_by: str) -> str:
    """Return ``fill`` if the model can do without a modality so.

    Args:
        model (MultimodalRecognizer): With its objectives.
        fill (str): One of :data:`FILLS`.
        asked_by (str): Who wants it, for the message.

    Raises:
        ValueError: If it cannot, or has nothing to do without.
    """
    choose('fill', fill, FILLS, asked_by)
    if len(model.modalities) < 2:
        raise ValueError(f'{asked_by}: the model has one modality, {model.modalities[0]}, and cannot do without it')
    if fill == 'translated' and _translator(model) is None:
        raise ValueError(f"{asked_by}: fill='translated' needs an objective that translates features, such as "
                         'mmda_ext.CrossModalTranslation (configs/methods/simmmdg-translators.py), and the model has '
                         'none')
    if fill == 'left-out' and not (model.modality_heads or model.cls_head.fusion.leaves_out):
        raise ValueError(f"{asked_by}: fill='left-out' needs a class head for every modality (configs/methods/heads.py)"
                         f' or a fusion that leaves modalities out (mmda_ext.SumFusion); the model has neither, but '
                         f'{type(model.cls_head.fusion).__name__}')
    return fill


def caveat(model: Any, fill: str) -> str:
    """What limits a fill that the model can do; empty where nothing does."""
    return _translator(model).stand_in_caveat if fill == 'translated' else ''


def fill_in(model: Any, features: Mapping[str, Tensor], fill: str,
            means: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Features ``{m: (N, D_m)}`` of all modalities from those of some; of ``'left-out'``, as they are.

    Args:
        model (MultimodalRecognizer): For which :func:`check_fill` allowed the fill.
        features (dict[str, Tensor]): Modality -> ``(N, D_m)``, of one modality or more.
        fill (str): ``'zeros'``; ``'mean'``: that of the training samples; ``'translated'``: the mean of its
            translations from those that are there; ``'left-out'``.
        means (dict[str, Tensor], optional): Modality -> ``(D_m, )``, for ``'mean'``.
    """
    absent = [name for name in model.modalities if name not in features]
    if fill == 'left-out' or not absent:
        return dict(features)
    first, widths = next(iter(features.values())), model.cls_head.fusion.in_channels
    found = dict(features)
    for name in absent:
        if fill == 'translated':
            found[name] = _translator(model).stand_in(name, features)
        elif fill == 'mean' and means is not None:
            found[name] = means[name].to(first).expand(len(first), -1)
        else:
            found[name] = first.new_zeros(len(first), widths[name])
    return {name: found[name] for name in model.modalities}


def _translator(model: Any) -> Any:
    parts = (part for objective in model.objectives for part in objective.modules())
    return next((part for part in parts if getattr(part, 'stands_in', False)), None)
