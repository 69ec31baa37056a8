"""Features that tell neither the modality nor the domain, and heads that count by it (JAT; Li et al., ACM MM 2025)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmda_ext.gradients import Probe
from mmda_ext.models.heads.base import entropies, masked_cross_entropy
from mmda_ext.models.heads.gradient_reversal import reverse_gradient
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.base import modalities_of
from mmda_ext.models.objectives.modality_heads import ModalityHeads
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class JointAdversarial(ModalityHeads):
    r"""Adversaries for the modality and, one for all modalities, for the domain; class heads weighted by the latter.

    With projections :math:`P, Q` (Linear, ReLU, dropout) and :math:`r_\lambda` the reversal of the gradient:

    .. math::
        L_{mod} = \operatorname{mean}_m \mathrm{CE}(D_{mod}(P^m r_{\lambda_1}(z^m)), m),\qquad
        L_{dom} = \operatorname{mean}_m \mathrm{CE}(D(Q^m r_{\lambda_2}(z^m)), d)

        \omega = \operatorname{softmax}_m(H_m / T),\qquad
        L_{heads} = c \sum_m \omega_m \mathrm{CE}(W^m z^m + b^m, y)

    :math:`H_m` is the mean entropy, over the samples of all processes, of what :math:`D` says of modality :math:`m`: a
    modality whose domain cannot be told counts more. With one source domain there is no :math:`L_{dom}`, and
    :math:`\omega` is even. The third adversary, on all features together, is :class:`DomainAdversarial`.

    Args:
        num_domains (int): Number of source domains.
        fusion (dict): Fusion config of the recognizer; only its ``in_channels`` are read.
        reversals (tuple[float, float]): :math:`\lambda_1, \lambda_2`.
        loss_weights (tuple[float, float]): Of :math:`L_{mod}` and :math:`L_{dom}`.
        heads_weight (float, optional): :math:`c`; by default the number of modalities.
        temperature (float): :math:`T`.
        detach (bool): :math:`\omega` carries no gradient; as released, it does, and the discriminator is taught to be
            uncertain of the modality that fits better.
        hidden_channels (int): Width of the projections; half of it inside the discriminator of domains.
        dropout (float): Dropout after the projections.
        task (str, optional): As in :class:`Objective`; by default ``heads``, ``modality`` and ``domain_local``.
        init_cfg (dict, optional): As in MMEngine.

    Raises:
        ValueError: If there is one modality only, or ``temperature`` is not positive.

    Source: Li et al., Modality-Domain Joint Adversarial Training, ACM MM 2025, in its release. Differences: one linear
    layer for each class head, as in the authors' benchmark; no LayerNorm on the features; ``detach``.
    """

    takes_mixed = True
    example = dict(hidden_channels=8)

    def __init__(self,
                 num_domains: int,
                 fusion: dict,
                 reversals: tuple[float, float] = (0.1, 0.3),
                 loss_weights: tuple[float, float] = (0.1, 0.5),
                 heads_weight: float | None = None,
                 temperature: float = 1.0,
                 detach: bool = True,
                 hidden_channels: int = 512,
                 dropout: float = 0.5,
                 task: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        names = modalities_of(fusion, 'JointAdversarial')
        if not temperature > 0:
            raise ValueError(f'JointAdversarial: temperature={temperature!r} must be a number > 0')
        self.reversals, self.loss_weights, self.temperature, self.detach = reversals, loss_weights, temperature, detach
        self.heads_weight = len(names) if heads_weight is None else heads_weight
        widths = fusion['in_channels']
        self.to_modality = _projections(widths, hidden_channels, dropout)
        self.modality = nn.Linear(hidden_channels, len(names))
        self.domain: nn.Module | None = None
        if self.can_discriminate(num_domains):
            inner = max(hidden_channels // 2, 1)
            self.to_domain = _projections(widths, hidden_channels, dropout)
            self.domain = nn.Sequential(nn.Linear(hidden_channels, inner), nn.BatchNorm1d(inner), nn.ReLU(),
                                        nn.Linear(inner, num_domains))

    def forward(self, step: Step) -> Terms:
        """``{'loss_heads', 'loss_modality', 'loss_domain_local': scalars, 'stability_<modality>': omega}``."""
        told = self._logits(step, self.to_modality, self.modality, self.reversals[0])
        losses = {'modality': self.loss_weights[0] * _mean_loss(told, [
            torch.full_like(step.labels, index) for index in range(len(told))])}
        probes, shares = {}, step.features[next(iter(told))].new_ones(len(told)) / len(told)
        if self.domain is not None:
            found = self._logits(step, self.to_domain, self.domain, self.reversals[1])
            losses['domain_local'] = self.loss_weights[1] * torch.stack(
                [masked_cross_entropy(value, step.domain_labels, step.mix) for value in found.values()]).mean()
            shares = self.stabilities(found, step.domain_labels)
            probes['domain_local'] = Probe(found, step.domain_labels)
        logits = step.predictions.modality_logits
        each = torch.stack([masked_cross_entropy(value, step.labels, step.mix) for value in logits.values()])
        losses['heads'] = self.heads_weight * (shares * each).sum()
        probes['heads'] = Probe(logits, step.labels)
        out = {f'loss_{name}': value for name, value in losses.items()}
        return Terms(out | {f'stability_{name}': share for name, share in zip(told, shares.detach())}, probes)

    def stabilities(self, logits: Mapping[str, Tensor], domains: Tensor) -> Tensor:
        r""":math:`\omega` ``(M, )`` of logits ``{m: (N, J)}``; samples without a domain do not count."""
        known = (domains >= 0).float()
        means = torch.stack([joined_mean(entropies(value), known) for value in logits.values()])
        return ((means.detach() if self.detach else means) / self.temperature).softmax(0)

    @staticmethod
    def _logits(step: Step, projections: nn.ModuleDict, discriminator: nn.Module, reversal: float) -> dict[str, Tensor]:
        return {name: discriminator(project(reverse_gradient(step.features[name], reversal)))
                for name, project in projections.items()}


def _projections(widths: Mapping[str, int], hidden: int, dropout: float) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout))
                          for name, width in widths.items()})


def _mean_loss(logits: Mapping[str, Tensor], targets: list[Tensor]) -> Tensor:
    return torch.stack([masked_cross_entropy(*pair) for pair in zip(logits.values(), targets)]).mean()
