"""Source and target features that a discriminator cannot tell apart (Ganin et al., JMLR 2016)."""

from typing import Any

from torch import Tensor

from mmda_ext.models.adaptation import Comparison, discriminators, domain_cross_entropy
from mmda_ext.models.objectives.adaptation import AdversarialObjective
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DANN(AdversarialObjective):
    r""":math:`\frac{w}{2} [\mathrm{BCE}(D(R_\lambda(Z^s)), 1) + \mathrm{BCE}(D(R_\lambda(Z^t)), 0)]`.

    :math:`D` minimises it; the reversal :math:`R_\lambda` makes the encoders climb it. The domain loss of confusion is
    :math:`\ln 2 = 0.6931`, the accuracy 50 %.

    Args are those of :class:`AdversarialObjective`, and:

    Args:
        discriminator (dict, optional): Config of the discriminator without ``in_channels``; by default a
            :class:`DomainDiscriminator`.

    Differences from the paper: half of the sum of the means over the domains, where the paper has the sum
    (``loss_weight=2``).
    """

    def __init__(self, *args: Any, discriminator: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.discriminators = discriminators(self.widths, discriminator)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """Domain cross-entropy of one discriminator."""
        logits = self.discriminators[comparison.name](self.reverse(comparison.joined))
        return domain_cross_entropy(logits, comparison.source, comparison.target)
