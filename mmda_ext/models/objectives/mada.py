"""One discriminator for each class (Pei et al., AAAI 2018)."""

from typing import Any

import torch
from torch import Tensor

from mmda_ext.choices import choose
from mmda_ext.models.adaptation import Comparison, discriminators, domain_cross_entropy
from mmda_ext.models.objectives.adaptation import ConditionalObjective
from mmda_ext.registry import MODELS


@MODELS.register_module()
class MADA(ConditionalObjective):
    r""":math:`\frac{w}{C} \sum_k L_k`, with :math:`L_k` that of :class:`DANN` on :math:`p_k(x) R_\lambda(f(x))`.

    Every sample of both domains goes to every discriminator, scaled by the predicted probability of its class, which is
    detached; labels are not used. With one class it is DANN.

    Args are those of :class:`ConditionalObjective`, ``discriminator`` as in :class:`DANN`, and:

    Args:
        reduction (str): ``'mean'`` over the classes, or their ``'sum'``, without :math:`1/C`.

    Raises:
        ValueError: If ``reduction`` is unknown.

    Differences from the release: that has the sum, each term times 0.3, so its adversary is :math:`0.3\, C` times
    stronger than the default here. ``reduction='sum', loss_weight=0.3`` is the release.
    """

    reductions = ('mean', 'sum')

    def __init__(self, *args: Any, discriminator: dict | None = None, reduction: str = 'mean', **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose('reduction', reduction, self.reductions, 'MADA')
        self.reduction = reduction
        self.discriminators = discriminators(self.widths, discriminator, self.num_classes)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean (or sum) over the classes of their domain cross-entropies."""
        features = self.reverse(comparison.joined)
        p = self.probabilities(comparison).to(features.dtype)
        logits = self.discriminators[comparison.name](p[:, k, None] * features for k in range(self.num_classes))
        parts = [domain_cross_entropy(own, comparison.source, comparison.target) for own in logits]
        values = torch.stack([own for own, _ in parts])
        return values.sum() if self.reduction == 'sum' else values.mean(), mean_of([seen for _, seen in parts])


def mean_of(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of each diagnostic."""
    return {key: torch.stack([part[key] for part in parts]).mean() for key in parts[0]}
