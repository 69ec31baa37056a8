"""An anchor modality that leads the others by optimal transport, beside adversaries (A3D2, Sun et al., ACL 2025)."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.models.adaptation import Comparison, MultilinearMap, Ramp, discriminators, domain_cross_entropy
from mmda_ext.models.covariance import SpreadPenalty
from mmda_ext.models.heads.base import widen
from mmda_ext.models.heads.gradient_reversal import reverse_gradient
from mmda_ext.models.joining import join_rows
from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.objectives.batch import SkipCounter
from mmda_ext.models.projection import unit
from mmda_ext.models.step import Step
from mmda_ext.models.transport import AnchorTransport
from mmda_ext.registry import MODELS


@MODELS.register_module()
class A3D2(SkipCounter, Objective):
    r""":math:`w \sum_m a_m \mathrm{DA}_m + \delta \sum_m |C(Z_m^s)| + \sum_{m \ne a} \mathrm{T}_m`, for one anchor.

    One modality, the anchor ``a``, is taken to have no shift; the others drift. :math:`\mathrm{DA}_m` discriminates the
    domains by :math:`\mathrm{softmax}(O) \otimes Z_m` behind a gradient reversal of strength :math:`p^2`; the fused
    probabilities receive its gradient too. The transport starts later: with the features of the target, rows of length
    1, :math:`K = 1 - Z_a^T Z_m / n` and a plan ``X``, the running mean of the optimal ones, the loss is
    :math:`\langle K, X \rangle`, without gradient for the anchor; likewise with the class probabilities.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read, which must all be equal.
        anchor (str): The modality without shift.
        loss_weight (float): :math:`w`.
        modality_weights (dict[str, float], optional): :math:`a_m` of every modality, :math:`1/M` by default; 0 leaves
            the discriminator out. The public code has 0.1 for sound and text, 0.7 for faces.
        discriminator (dict, optional): As in ``mmda_ext.DomainDiscriminator``.
        ramp (dict, optional): ``lo``, ``hi`` and ``steps`` of the ramp :math:`p^2`.
        determinant (dict, optional): ``form`` and ``weight`` (:math:`\delta`), as :class:`SpreadPenalty`.
        transport (dict, optional): ``weight``, ``start`` and ``momentum``, as :class:`AnchorTransport`.
        kwargs: As :class:`Objective`: ``task``, by default ``align``, ``determinant`` and ``transport``.

    Raises:
        ValueError: If the anchor is no modality, modalities differ in width, or an option is unknown or out of range.

    Differences from the public code: an assignment solver instead of a general one; the default discriminator of this
    package; ``'root'``. Fewer than two samples of a domain: 0, and counted.
    """

    example = dict(anchor='audio', transport=dict(start=0))
    example_objectives = (dict(type='mmda_ext.InformationBottleneck'), )

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 anchor: str,
                 loss_weight: float = 10.0,
                 modality_weights: Mapping[str, float] | None = None,
                 discriminator: dict | None = None,
                 ramp: dict | None = None,
                 determinant: dict | None = None,
                 transport: dict | None = None,
                 **kwargs: Any) -> None:
        super().__init__(fusion, **kwargs)
        widths = dict(fusion['in_channels'])
        weights = dict(modality_weights or dict.fromkeys(widths, 1 / len(widths)))
        _check(widths, anchor, weights)
        self.anchor, self.modalities, self.loss_weight = anchor, tuple(widths), loss_weight
        self.modality_weights = {name: weight for name, weight in weights.items() if weight}
        maps = {name: MultilinearMap(widths[name], num_classes) for name in self.modality_weights}
        self.maps = nn.ModuleDict(maps)
        self.discriminators = discriminators({name: own.out_channels for name, own in maps.items()}, discriminator)
        self.ramp = QuadraticRamp(**(ramp or {}))
        self.determinant, self.transport = SpreadPenalty(**(determinant or {})), AnchorTransport(**(transport or {}))
        for name, kind, size in self._plans(widths[anchor], num_classes):
            # Each feature goes with that of the same position, at first.
            self.register_buffer(f'plan_{kind}_{name}', torch.eye(size) / size)

    def _plans(self, width: int, num_classes: int) -> Iterator[tuple[str, str, int]]:
        for name in self.modalities:
            if name != self.anchor:
                yield name, 'features', width
                yield name, 'classes', num_classes

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``loss_align``, ``loss_determinant``, ``loss_transport``, and the accuracy of the discriminators.

        Raises:
            ValueError: If the model has no heads of the modalities.
        """
        source, target = step.source_index, step.target_index
        defined = self.enough(source, target)
        parts = {name: Comparison(name, (name, ), step, source, target) for name in self.modalities}
        none = 0.0 * torch.stack([widen(value).sum() for value in step.features.values()] +
                                 [parameter.sum() for parameter in self.parameters()]).sum()
        adversary, out = self._adversary(parts) if defined else (none, {})
        out['loss_align'] = none + self.loss_weight * adversary
        if self.determinant.weight:
            out['loss_determinant'] = none + self.determinant.weight * self._determinants(parts) if defined else none
        if self.transport.weight:
            begun = defined and self.transport.begun
            out['loss_transport'] = none + self.transport.weight * self._transport(parts) if begun else none
        return {**out, **self.skips('align'), 'align_lambda': torch.tensor(float(self.ramp()))}

    def _adversary(self, parts: Mapping[str, Comparison]) -> tuple[Tensor, dict[str, Tensor]]:
        values, out = [], {}
        for name, weight in self.modality_weights.items():
            part = parts[name]
            product = self.maps[name](part.joined, widen(part.logits('fused')).softmax(1).to(part.joined.dtype))
            logits = self.discriminators[name](reverse_gradient(product, self.ramp()))
            value, seen = domain_cross_entropy(logits, part.source, part.target)
            values.append(weight * value)
            out[f'align_acc_{name}'] = seen['acc']
        return torch.stack(values).sum(), out

    def _determinants(self, parts: Mapping[str, Comparison]) -> Tensor:
        return self.determinant(join_rows(widen(part.joined[part.source])) for part in parts.values())

    def _transport(self, parts: Mapping[str, Comparison]) -> Tensor:
        """Costs of both kinds for each drift, under plans that move towards the optimum of this step."""
        anchor = self._compared(parts[self.anchor])
        return torch.stack([
            self.transport.cost(anchor[kind], own, self.get_buffer(f'plan_{kind}_{name}'), self.training)
            for name, part in parts.items() if name != self.anchor for kind, own in self._compared(part).items()]).sum()

    def _compared(self, part: Comparison) -> dict[str, Tensor]:
        """Features with rows of length 1, and class probabilities, of the target samples of all processes."""
        features, logits = widen(part.joined[part.target]), widen(part.logits()[part.target])
        return dict(features=join_rows(unit(features)), classes=join_rows(logits.softmax(1)))


class QuadraticRamp(Ramp):
    """:math:`lo + (hi - lo) p^2`, constant from :math:`p = 1` on."""

    def at(self, progress: float) -> float:
        """The weight at a progress of 0 or more."""
        return self.lo + (self.hi - self.lo) * min(progress, 1.0)**2


def _check(widths: Mapping[str, int], anchor: str, weights: Mapping[str, float]) -> None:
    if anchor not in widths or len(widths) < 2:
        raise ValueError(f'A3D2: anchor={anchor!r} must be one of two modalities or more, got {tuple(widths)}')
    if len(set(widths.values())) > 1:
        raise ValueError(f'A3D2 transports features to features: all modalities need one width, got {dict(widths)}; '
                         'give the backbones or necks equal output widths')
    if weights.keys() != widths.keys() or min(weights.values()) < 0 or not any(weights.values()):
        raise ValueError(f'A3D2: modality_weights={dict(weights)} must be numbers >= 0, not all 0, one for each of '
                         f'{tuple(widths)}')
