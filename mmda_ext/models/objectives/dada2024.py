"""Adversarial alignment over an intermediate domain of mixed features (Ren et al., AAAI 2024, adapted)."""

from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext.models.adaptation import Comparison, nuclear_wasserstein
from mmda_ext.models.heads.base import masked_cross_entropy, widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.models.objectives.adaptation import AdversarialObjective
from mmda_ext.models.projection import unit
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DADA2024(AdversarialObjective):
    r"""Source, target and their mixture confuse a discriminator of three domains.

    .. math::
        (1 - \omega) L_3(R_\lambda(Z^s), R_\lambda(Z^{mix}), R_\lambda(Z^t))
        + \omega\,[2\,\mathrm{CE}(K(Z^s), y) + \tfrac12 \lvert \mathrm{NWD}(K(Z^s), K(Z^{mix})) \rvert]

    with :math:`Z^{mix} = (1 - t) Z^s + t Z^t`, :math:`t \sim \mathrm{Beta}(a, a)` for each pair; source and target are
    paired at random and the smaller batch is repeated. :math:`L_3` is the mean of the cross-entropies of the three
    domains; at confusion it is :math:`\ln 3 = 1.0986`, the accuracy 33.3 %. :math:`K` is a class discriminator of its
    own, :math:`\mathrm{NWD}` the discrepancy of :class:`DALN`.

    Args are those of :class:`AdversarialObjective`, and:

    Args:
        num_classes (int): Number of classes.
        omega (float): :math:`\omega`, in [0, 1].
        beta (float): :math:`a`, parameter of the Beta distribution, > 0.
        normalize (bool): Features and mixtures have length 1, as in the paper.
        hidden_channels (int): Width inside the discriminator of domains.
        class_channels (int): Width inside :math:`K`.
        dropout (float): Dropout inside :math:`K`.

    Raises:
        ValueError: If ``omega`` or ``beta`` is out of range.

    Adapted: the paper learns a metric, its second domain are class proxies, and it alternates three steps of the
    discriminators with one of the encoder. Here the second domain is the target, and a gradient reversal stands for the
    alternation.
    """

    def __init__(self,
                 num_classes: int,
                 *args: Any,
                 omega: float = 0.01,
                 beta: float = 0.5,
                 normalize: bool = True,
                 hidden_channels: int = 256,
                 class_channels: int = 128,
                 dropout: float = 0.5,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= omega <= 1 or not beta > 0:
            raise ValueError(f'DADA2024: omega={omega!r} must be in [0, 1] and beta={beta!r} must be > 0')
        self.omega, self.beta, self.normalize = omega, beta, normalize
        self.domains = nn.ModuleDict({
            name: nn.Sequential(nn.Linear(width, hidden_channels), nn.BatchNorm1d(hidden_channels), nn.ReLU(),
                                nn.Linear(hidden_channels, 3))
            for name, width in self.widths.items()
        })
        self.classes = nn.ModuleDict({
            name: nn.Sequential(nn.Linear(width, class_channels), nn.ReLU(), nn.Dropout(dropout),
                                nn.Linear(class_channels, num_classes))
            for name, width in self.widths.items()
        })

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula of the class."""
        joined = self._unit(comparison.joined)
        source, target = joined[comparison.source], joined[comparison.target]
        mixed = self._unit(mix(source, target, self.beta))
        logits = self.domains[comparison.name](self.reverse(torch.cat([source, mixed, target])))
        parts = logits.split([len(source), len(mixed), len(target)])
        of_domains, accuracy = three_way(parts)
        predicted = self.classes[comparison.name](torch.cat([source, mixed]))
        on_source, on_mixed = predicted.split([len(source), len(mixed)])
        of_classes = masked_cross_entropy(on_source, comparison.step.labels[comparison.source])
        nwd = nuclear_wasserstein(widen(on_source).softmax(1), widen(on_mixed).softmax(1))
        value = (1 - self.omega) * of_domains + self.omega * (2 * of_classes + 0.5 * nwd.abs())
        return value, dict(ce=of_domains.detach(), acc=accuracy, nwd=nwd.detach())

    def _unit(self, x: Tensor) -> Tensor:
        return unit(x) if self.normalize else x


def mix(source: Tensor, target: Tensor, beta: float) -> Tensor:
    """``(1 - t) source + t target`` in random pairs, ``(max(n_s, n_t), D)``; none where one of them is empty."""
    count = max(len(source), len(target)) if len(source) and len(target) else 0
    index = torch.arange(count, device=source.device)
    partner = torch.randperm(len(target), device=source.device)[index % max(len(target), 1)]
    shape = torch.full((count, 1), beta, device=source.device)
    # Checking the arguments would wait for the device.
    t = torch.distributions.Beta(shape, shape, validate_args=False).sample().to(source.dtype)
    return (1 - t) * source[index % max(len(source), 1)] + t * target[partner]


def three_way(parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy and accuracy (percent) of domains given as one batch of logits each, ``(n_k, K)``."""
    values, hits = [], []
    for k, logits in enumerate(parts):
        values.append(joined_mean(-widen(logits).log_softmax(1)[:, k]))
        hits.append(joined_mean((logits.detach().argmax(1) == k).float()))
    return torch.stack(values).mean(), 100.0 * torch.stack(hits).mean()
