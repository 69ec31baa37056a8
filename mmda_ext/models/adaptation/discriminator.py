"""Discriminators of source and target, and their loss."""

from collections.abc import Iterable, Mapping

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DomainDiscriminator(BaseModule):
    """Two hidden layers of Linear, (BatchNorm,) ReLU, dropout, and one logit: positive for the source.

    The form of TLLib is ``hidden_channels=1024, norm=True, dropout=0``; that of CDAN's own code has no norm.

    Args:
        in_channels (int): Width of the features.
        hidden_channels (int): Width of the hidden layers.
        dropout (float): Dropout after them.
        norm (bool): Batch normalisation in front of the ReLUs. Its statistics mix both domains.
        init_cfg (dict, optional): As in MMEngine.
    """

    def __init__(self,
                 in_channels: int,
                 hidden_channels: int = 256,
                 dropout: float = 0.5,
                 norm: bool = False,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        layers: list[nn.Module] = []
        for width in (in_channels, hidden_channels):
            layers += [nn.Linear(width, hidden_channels), nn.BatchNorm1d(hidden_channels) if norm else nn.Identity(),
                       nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, D)`` -> logits ``(N, )``."""
        return self.layers(x)[:, 0]


class DiscriminatorBank(nn.ModuleList):
    """Several discriminators, each with an input of its own."""

    def forward(self, inputs: Iterable[Tensor]) -> list[Tensor]:
        """Logits ``(N, )`` of each."""
        return [discriminator(x) for discriminator, x in zip(self, inputs)]


def discriminators(widths: Mapping[str, int], config: dict | None = None, count: int | None = None) -> nn.ModuleDict:
    """A discriminator, or a bank of ``count``, for each criterion, on features of the widths given.

    Args:
        widths (Mapping[str, int]): Criterion -> width of what its discriminators see.
        config (dict, optional): Config without ``in_channels``; by default a :class:`DomainDiscriminator`.
        count (int, optional): Size of the bank; without it, no bank.
    """
    kind = {'type': 'mmda_ext.DomainDiscriminator', **(config or {})}

    def build(width: int) -> nn.Module:
        if count is None:
            return MODELS.build({**kind, 'in_channels': width})
        return DiscriminatorBank(MODELS.build({**kind, 'in_channels': width}) for _ in range(count))

    return nn.ModuleDict({name: build(width) for name, width in widths.items()})


def domain_cross_entropy(logits: Tensor, source: Tensor, target: Tensor,
                         weights: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
    r""":math:`\frac12 [\overline{\mathrm{BCE}(o^s, 1)} + \overline{\mathrm{BCE}(o^t, 0)}]`, a mean over each domain.

    At confusion it is :math:`\ln 2 = 0.6931` and the accuracy 50 %. Means are over the samples of all processes.

    Args:
        logits (Tensor): ``(N, )``.
        source (Tensor): Positions of the source samples.
        target (Tensor): Positions of the target samples; the numbers may differ. A domain without samples adds 0.
        weights (Tensor, optional): Weight of each sample within its domain, ``(N, )``, of any scale.

    Returns:
        tuple: Scalar, and for the log ``bce`` and ``acc`` (percent, weighted alike).
    """
    logits = widen(logits)
    weights = torch.ones_like(logits) if weights is None else weights
    value, hits = logits.new_zeros(()), logits.new_zeros(())
    for index, sign in ((source, 1.0), (target, -1.0)):
        own, share = sign * logits[index], weights[index]
        value = value + 0.5 * joined_mean(F.softplus(-own), share)
        hits = hits + 0.5 * joined_mean((own.detach() > 0).to(own), share)
    return value, dict(bce=value.detach(), acc=100.0 * hits)
