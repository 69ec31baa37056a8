"""Adversarial alignment of features conditioned on the class prediction (Long et al., NeurIPS 2018)."""

from typing import Any

import torch
from torch import Tensor, nn

from mmda_ext import epsilons
from mmda_ext.models.adaptation import Comparison, MultilinearMap, discriminators, domain_cross_entropy
from mmda_ext.models.objectives.adaptation import ConditionalObjective
from mmda_ext.registry import MODELS


@MODELS.register_module()
class CDAN(ConditionalObjective):
    r"""As :class:`DANN`, but the discriminator sees :math:`R_\lambda(f \otimes g)`, :math:`g = \mathrm{softmax}(O)`.

    (CDAN Eq. 4-6.) :math:`g` is detached. With ``entropy`` (CDAN+E, Eq. 8) samples that the classifier is sure of count
    more: weight :math:`1 + e^{-H(g)}` with the entropy in nats, of mean 1 in each domain, and without gradient.

    Args are those of :class:`DANN`, and:

    Args:
        num_classes, condition_on: As in :class:`ConditionalObjective`.
        entropy (bool): CDAN+E.
        max_width (int): Wider products than this, ``d * num_classes``, are replaced by a random map.
        random_channels (int): Width of that map.

    Differences from the paper: the entropy weights pass on no gradient (the authors' code reverses it), and are
    normalised in each domain, as there, not over both.
    """

    def __init__(self,
                 *args: Any,
                 entropy: bool = False,
                 max_width: int = 4096,
                 random_channels: int = 1024,
                 discriminator: dict | None = None,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entropy = entropy
        maps = {
            name: MultilinearMap(width, self.num_classes, max_width, random_channels)
            for name, width in self.widths.items()
        }
        self.maps = nn.ModuleDict(maps)
        self.discriminators = discriminators({name: own.out_channels for name, own in maps.items()}, discriminator)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """Domain cross-entropy of one discriminator."""
        features = comparison.joined
        g = self.probabilities(comparison)
        product = self.maps[comparison.name](features, g.to(features.dtype))
        logits = self.discriminators[comparison.name](self.reverse(product))
        weights = certainty(g) if self.entropy else None
        return domain_cross_entropy(logits, comparison.source, comparison.target, weights)


def certainty(probabilities: Tensor) -> Tensor:
    """``1 + exp(-H)`` of each row of ``(N, C)``: 2 for a one-hot row, ``1 + 1 / C`` for a uniform one."""
    entropy = -(probabilities * (probabilities + epsilons.ENTROPY).log()).sum(1)
    return 1.0 + torch.exp(-entropy)
