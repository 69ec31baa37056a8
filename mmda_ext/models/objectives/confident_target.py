"""Terms of the source that sure target samples have, too (MOOSA's open-set adaptation; Dong et al., ECCV 2024)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import get_rank
from mmengine.model import ModuleList
from torch import Tensor

from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import on_every_process
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.modality_heads import ModalityHeads
from mmda_ext.models.step import Step
from mmda_ext.models.step_part import part_of
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer

#: A loss between samples, and batch normalisation, need two.
FEWEST = 2


@MODELS.register_module()
class ConfidentTarget(Objective):
    r""":math:`\frac{1}{2} (L(\text{source}) + L(\{ i \in \text{target} : \max_y p_{iy} > \tau \}))` of each objective.

    :math:`p` is the fused classifier's, without gradient. Where fewer than two target samples are that sure, on any
    process, the loss is :math:`L(\text{source})`. Among those samples each has a class of its own, so that a
    contrastive loss takes the other modalities of a sample for its positives; an objective of class labels has no
    place here.

    Args:
        fusion (dict): Fusion config of the recognizer, which the objectives are given.
        objectives (Sequence[dict]): Configs of the objectives; their tasks are those of their losses.
        threshold (float): :math:`\tau`; 0.5 in the release, 0.3 from D3 to D1.
        task (str, optional): As in :class:`Objective`.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``threshold`` is not in [0, 1), or an objective trains class heads or has a task of its own.

    Each process takes the means over its own sure samples, whose number differs: with several processes a mean over
    samples is not exactly that of the joined batch. Losses that join their rows join these, too.
    """

    example = dict(threshold=0.0, objectives=[
        dict(type='mmda_ext.MultimodalJigsaw', num_parts=2, num_permutations=8, hidden_channels=8)])

    def __init__(self,
                 fusion: dict,
                 objectives: Sequence[dict],
                 threshold: float = 0.3,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if not 0 <= threshold < 1:
            raise ValueError(f'ConfidentTarget: threshold={threshold!r} is of a probability: it must be in [0, 1)')
        self.threshold = threshold
        self.objectives = ModuleList([MODELS.build({'fusion': fusion, **config}) for config in objectives])
        for own in self.objectives:
            if isinstance(own, ModalityHeads) or own.task is not None or own.reads_losses:
                raise ValueError(f'ConfidentTarget: {type(own).__name__} trains class heads, reads other losses or has '
                                 'a `task`: name it beside ConfidentTarget in `objectives`, or leave the task out')

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Bind each objective."""
        for own in self.objectives:
            own.bind(model)

    def predict(self, model: 'MultimodalRecognizer', inputs: Mapping[str, Tensor],
                features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What each objective predicts."""
        return {name: value for own in self.objectives for name, value in own.predict(model, inputs, features).items()}

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Losses and diagnostics of the objectives, the latter of the source; ``'confident'``: number of samples."""
        index = self._confident(step)
        ids = torch.arange(len(index), device=index.device) + get_rank() * step.num_samples
        source, target = part_of(step, step.source_index), part_of(step, index, ids)
        out: dict[str, Any] = {'confident': torch.tensor(float(len(index)))}
        both = on_every_process(len(index), FEWEST, index.device)
        for own in self.objectives:
            found = dict(own(source))
            further = own(target) if both else {}
            out.update({key: (value + further[key]) / 2 if key in further and key.startswith('loss_') else value
                        for key, value in found.items()})
        return out

    def _confident(self, step: Step) -> Tensor:
        """Positions of the sure target samples; waits for the device."""
        index = step.target_index
        sure = widen(step.predictions.logits.detach()[index]).softmax(1).amax(1) > self.threshold
        return index[sure]
