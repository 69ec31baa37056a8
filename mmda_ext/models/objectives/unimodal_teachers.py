"""Features drawn to those of encoders that were trained on one modality each (UMT; Du et al., ICML 2023)."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.gradients.probe import widen
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.pretrained import load_backbone
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


@MODELS.register_module()
class UnimodalTeachers(Objective):
    r""":math:`w \sum_m \operatorname{MSE}(z_T^m, z^m)`, the mean over samples and channels.

    :math:`z_T^m` is the feature of modality :math:`m` in a model that was trained on it alone: a copy of the student's
    encoder with the weights of a checkpoint, always in evaluation mode and without gradient, on the inputs of the step.
    The weights are read when training begins (``init_weights``). The teachers are a part of the model: they move, are
    saved and resume with it, so a test needs no file of theirs.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        teachers (dict[str, str], optional): Modality -> checkpoint of a recognizer with the same backbone and neck.
        loss_weight (float): :math:`w`; 10 in a public re-implementation.
        task (str, optional): As in :class:`Objective`; by default ``teachers``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If ``teachers`` names a modality that the model does not have; when training begins, if a modality
            has no teacher, or a checkpoint is of another architecture.
        FileNotFoundError: When training begins, if a checkpoint does not exist.

    Differences from the public re-implementation: teachers are in evaluation mode. The student's feature is the one
    that the classifier gets, with the dropout of its encoder.
    """

    def __init__(self,
                 fusion: dict,
                 teachers: Mapping[str, str | None] | None = None,
                 loss_weight: float = 10.0,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        names = tuple(fusion['in_channels'])
        unknown = sorted(set(teachers or {}) - set(names))
        if unknown:
            raise ValueError(f'UnimodalTeachers: teachers names {unknown}; the modalities are {names}')
        self.files = {name: (teachers or {}).get(name) for name in names}
        self.loss_weight = loss_weight
        # Of PyTorch, so that MMEngine does not give the copies new weights.
        self.encoders, self.necks = nn.ModuleDict(), nn.ModuleDict()

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Copy the encoders."""
        for name in self.files:
            self.encoders[name] = deepcopy(model.backbones[name])
            self.necks[name] = deepcopy(model.necks[name])
        self.requires_grad_(False)
        self.train(self.training)

    def init_weights(self) -> None:
        """Read the weights of the teachers."""
        super().init_weights()
        for name, file in self.files.items():
            remedy = (f'train configs/methods/erm.py with --modalities {name} on the same data and give its '
                      f'checkpoint, --cfg-options model.objectives.<n>.teachers.{name}=FILE.pth')
            if not file:
                raise ValueError(f'UnimodalTeachers: teachers.{name}={file!r} names no teacher: {remedy}')
            if '://' not in file and not Path(file).expanduser().is_file():
                raise FileNotFoundError(f'UnimodalTeachers: teachers.{name}={file!r} does not exist: {remedy}')
            load_backbone(self.encoders[name], file, (f'backbones.{name}.', ))
            if self.necks[name].state_dict():
                load_backbone(self.necks[name], file, (f'necks.{name}.', ))

    def train(self, mode: bool = True) -> 'UnimodalTeachers':
        """The teachers stay in evaluation mode."""
        super().train(mode)
        self.encoders.eval()
        self.necks.eval()
        return self

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_teachers': scalar, 'mse_<modality>': scalar}``."""
        terms = {name: F.mse_loss(widen(step.features[name]), widen(target))
                 for name, target in self.teach(step).items()}
        return {'loss_teachers': self.loss_weight * torch.stack(list(terms.values())).sum(),
                **{f'mse_{name}': value.detach() for name, value in terms.items()}}

    def teach(self, step: Step) -> dict[str, Tensor]:
        """Features of the teachers, ``{m: (N, D_m)}``, without gradient, since nothing of theirs asks for one."""
        return {name: self.necks[name](encoder(step.inputs[name]), step.num_samples)
                for name, encoder in self.encoders.items()}
