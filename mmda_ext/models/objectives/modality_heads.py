"""Objectives that train a class head for each modality."""

import re
from typing import Any

from mmda_ext.models.objectives.base import Objective


class ModalityHeads(Objective):
    """Its presence makes the recognizer build a linear class head for each modality, which this objective trains.

    They belong to the recognizer (``modality_heads``), so that several objectives read the same ones, in any order,
    from ``step.predictions.modality_logits``. Args are those of :class:`Objective`.
    """


def rename_heads(state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Checkpoints of version 0.1 hold the heads of the modalities in the objective that trained them."""
    if any(key.startswith(f'{prefix}modality_heads.') for key in state):
        return
    for key in list(state):
        found = re.match(rf'{re.escape(prefix)}objectives\.\d+\.heads\.(\w+\.(?:weight|bias))$', key)
        if found:
            state[f'{prefix}modality_heads.{found[1]}'] = state.pop(key)
