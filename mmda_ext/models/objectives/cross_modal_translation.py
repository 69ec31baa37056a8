"""Each modality's feature predicted from each other's (SimMMDG; masked in MOOSA)."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmda_ext.models.heads.base import probabilities
from mmda_ext.models.objectives.base import Objective, modalities_of
from mmda_ext.models.projection import direction_distance, distance
from mmda_ext.models.step import Step
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer


@MODELS.register_module()
class CrossModalTranslation(Objective):
    r""":math:`w` times the mean over ordered pairs of :math:`\lVert n(T_{ab}(z^a)) - n(z^b) \rVert_2`.

    (Dong et al., NeurIPS 2023; with a mask, Dong et al., ECCV 2024.) :math:`n(x) = x / \lVert x \rVert`;
    :math:`T_{ab}` is Linear, ReLU, Linear, ReLU, dropout, Linear. Targets are not detached.

    A translation may stand for a modality that is missing: with ``missing`` the model also predicts without it, which
    evaluation reports as ``predictor/without_<modality>``. Such translators want a second stage of training, by
    themselves (the recognizer's ``trainable``) and at the length of the features (``normalize=False``).

    Args:
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        hidden_channels (int): Width of the hidden layers.
        dropout (float): Dropout in front of the last layer.
        mask_ratio (float): Probability with which each element of an input is set to zero, without rescaling, while
            training; targets are not masked. MOOSA: 0.3 to 0.7.
        normalize (bool): Compare directions; otherwise :math:`\lVert T_{ab}(z^a) - z^b \rVert_2`.
        missing (Sequence[str]): Modalities without which the model is tested too, one at a time: the feature is the
            mean of its translations from the others.
        loss_weight (float): :math:`w`; 0.1 in the release.
        task (str, optional): As in :class:`Objective`; by default ``translation``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is one modality only, ``mask_ratio`` is not in [0, 1), or ``missing`` names a modality that
            the model does not have.
    """

    example = dict(hidden_channels=8)
    stands_in = True

    def __init__(self,
                 fusion: dict,
                 hidden_channels: int = 2048,
                 dropout: float = 0.5,
                 mask_ratio: float = 0.0,
                 normalize: bool = True,
                 missing: Sequence[str] = (),
                 loss_weight: float = 0.1,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        if not 0 <= mask_ratio < 1:
            raise ValueError(f'CrossModalTranslation: mask_ratio={mask_ratio!r} must be in [0, 1)')
        self.modalities = modalities_of(fusion, 'CrossModalTranslation')
        self.pairs = tuple(permutations(self.modalities, 2))
        if isinstance(missing, str) or not set(missing) <= set(self.modalities):
            raise ValueError(f'CrossModalTranslation: missing={missing!r} must be a list of modalities among '
                             f'{self.modalities}')
        self.mask_ratio, self.loss_weight = mask_ratio, loss_weight
        if normalize:
            self.stand_in_caveat = ('The translators were trained on directions only, so that the length of what they '
                                    'return means nothing: train them by configs/methods/simmmdg-translators.py.')
        self.distance, self.missing = direction_distance if normalize else distance, tuple(missing)
        widths = fusion['in_channels']
        self.translators = nn.ModuleDict({
            f'{source}_to_{target}': nn.Sequential(
                nn.Linear(widths[source], hidden_channels), nn.ReLU(), nn.Linear(hidden_channels, hidden_channels),
                nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden_channels, widths[target]))
            for source, target in self.pairs
        })

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``{'loss_translation': scalar}``."""
        terms = [self.distance(translate(self._masked(step.features[source])), step.features[target])
                 for (source, target), translate in zip(self.pairs, self.translators.values())]
        return {'loss_translation': self.loss_weight * torch.stack(terms).mean()}

    def predict(self, model: 'MultimodalRecognizer', inputs: Mapping[str, Tensor],
                features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Probabilities ``(N, C)`` of the classifier without each modality that may be missing."""
        return {
            f'without_{name}': probabilities(model.cls_head({**features, name: self.stand_in(name, features)}))
            for name in self.missing
        }

    def stand_in(self, name: str, features: Mapping[str, Tensor]) -> Tensor:
        """Feature ``(N, D_m)`` of modality ``name``: the mean of its translations from the others in ``features``."""
        return torch.stack([self.translators[f'{other}_to_{name}'](features[other])
                            for other in self.modalities if other != name and other in features]).mean(0)

    def _masked(self, feature: Tensor) -> Tensor:
        if not self.training or not self.mask_ratio:
            return feature
        return feature * (torch.rand_like(feature) >= self.mask_ratio)
