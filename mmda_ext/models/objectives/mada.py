"""One discriminator for each class (Pei et al., AAAI 2018)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext.models.adaptation import Comparison, discriminators, domain_cross_entropy
from mmda_ext.models.objectives.adaptation import ConditionalObjective
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MADA(ConditionalObjective):
    r""":math:`\frac{w}{C} \sum_k L_k`, with :math:`L_k` that of :class:`DANN` on :math:`p_k(x) R_\lambda(f(x))`.

    Every sample of both domains goes to every discriminator, scaled by the predicted probability of its class, which is
    detached; labels are not used. With one class it is DANN.

    Args are those of :class:`ConditionalObjective`, and ``discriminator`` as in :class:`DANN`.
    """

    def __init__(self, *args: Any, discriminator: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.discriminators = discriminators(self.widths, discriminator, self.num_classes)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over the classes of their domain cross-entropies."""
        features = self.reverse(comparison.joined)
        p = self.probabilities(comparison).to(features.dtype)
        logits = self.discriminators[comparison.name](p[:, k, None] * features for k in range(self.num_classes))
        parts = [domain_cross_entropy(own, comparison.source, comparison.target) for own in logits]
        return torch.stack([value for value, _ in parts]).mean(), mean_of([seen for _, seen in parts])


def mean_of(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of each diagnostic."""
    return {key: torch.stack([part[key] for part in parts]).mean() for key in parts[0]}
