"""Classification by class prototypes of the modality that is behind (PMR; Fan et al., CVPR 2023)."""

import logging

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.gradients import Probe
from mmda_ext.gradients.probe import widen
from mmda_ext.models.joining import joined_sum
from mmda_ext.models.objectives.base import Objective, modalities_of
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS

#: Steps without prototypes after which it is said that nobody makes them.
_SAY_AFTER = 2


@MODELS.register_module()
class PrototypeClassification(Objective):
    r""":math:`w \sum_m w^m \, \mathrm{CE}(s^m, y)`, with :math:`s^m_{iy} = -\lVert z_i^m - c_y^m \rVert_2`.

    :math:`c_y^m` are prototypes, features of the classes' samples on average, which
    ``dict(type='mmda_ext.PrototypesHook')`` makes between epochs. With the confidences of the batch of all processes,
    :math:`S^m = \sum_i \mathrm{softmax}(s_i^m)_{y_i}`,

    .. math:: w^m = (\max_j S^j - S^m) / (\max_j S^j - \min_j S^j)

    so of two modalities the one that is behind classifies, and the other does not; equal ones are left alone. A class
    without a prototype takes no part, nor do its samples.

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        num_classes (int): Classes ``C``.
        loss_weight (float): :math:`w`.
        task (str): Name of the loss among the balanced tasks.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is one modality only.

    Source: Fan et al., PMR: Prototypical Modal Rebalance for Multimodal Learning, CVPR 2023, in its release.
    Differences: more than two modalities, by the weights above; the entropy term of the paper, which the release does
    not have, is left out.
    """

    def __init__(self, fusion: dict, num_classes: int, loss_weight: float = 1.0, task: str = 'prototypes',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.names, self.loss_name, self.loss_weight = modalities_of(fusion, type(self).__name__), task, loss_weight
        for name in self.names:
            self.register_buffer(f'prototypes_{name}', torch.zeros(num_classes, fusion['in_channels'][name]))
        self.register_buffer('known', torch.zeros(num_classes, dtype=torch.bool))
        self._ready, self._missed = False, 0

    def prototypes(self, name: str) -> Tensor:
        """Of one modality, ``(C, D_m)``."""
        return getattr(self, f'prototypes_{name}')

    def forward(self, step: Step) -> Terms | dict[str, Tensor]:
        """``{'loss_<task>': scalar, 'prototypes_<modality>': weight}``; nothing before there are prototypes."""
        if not self._has_prototypes():
            return {}
        # A class without a prototype is infinitely far.
        scores = {name: self.similarities(name, step.features[name]).masked_fill(~self.known, -torch.inf)
                  for name in self.names}
        labels = torch.where(self.known[step.labels.clamp_min(0)], step.labels, -1)
        probe = Probe(scores, labels)
        weights = weights_of_those_behind(joined_sum(probe.confidences()))
        losses = torch.stack([_cross_entropy(value, labels) for value in scores.values()])
        shown = {f'prototypes_{name}': weight for name, weight in zip(self.names, weights)}
        return Terms({f'loss_{self.loss_name}': self.loss_weight * (weights * losses).sum(), **shown},
                     {self.loss_name: probe})

    def similarities(self, name: str, features: Tensor) -> Tensor:
        """Negative distances ``(N, C)`` of features ``(N, D_m)`` to the prototypes; the gradient at distance 0 is 0."""
        own = widen(features)
        return -torch.cdist(own, self.prototypes(name).to(own), compute_mode='donot_use_mm_for_euclid_dist')

    def _has_prototypes(self) -> bool:
        if not self._ready:
            self._ready = bool(self.known.any())
            self._missed += not self._ready
            if self._missed == _SAY_AFTER:
                print_log('PrototypeClassification has no prototypes, so it does nothing: add '
                          "dict(type='mmda_ext.PrototypesHook') to custom_hooks", logger='current',
                          level=logging.WARNING)
        return self._ready


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean over the labelled, 0 without any; scores of unknown classes are minus infinity."""
    return F.cross_entropy(scores, labels, ignore_index=-1, reduction='sum') / (labels >= 0).sum().clamp_min(1)


def weights_of_those_behind(confidences: Tensor) -> Tensor:
    """0 for the modality of the largest of ``(M, )``, 1 for that of the smallest, the others between; 0 for equal ones.

    Args:
        confidences (Tensor): One of each modality, ``(M, )``.
    """
    behind = confidences.max() - confidences
    return behind / behind.max().clamp_min(torch.finfo(behind.dtype).tiny)
