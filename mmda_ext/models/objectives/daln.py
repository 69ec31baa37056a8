"""Adversarial learning without a discriminator: the classifier is its own critic (Chen et al., CVPR 2022)."""

from torch import Tensor

from mmda_ext.models.adaptation import Comparison, nuclear_wasserstein
from mmda_ext.models.heads.base import widen
from mmda_ext.models.objectives.adaptation import AdversarialObjective
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DALN(AdversarialObjective):
    r""":math:`-w\,\mathrm{NWD}` of the classifier's probabilities of :math:`R_\lambda(Z)`.

    :math:`\mathrm{NWD} = \lVert P^s \rVert_* / n_s - \lVert P^t \rVert_* / n_t` with nuclear norms. The classifier
    maximises it; the encoders, behind the reversal, minimise it. The classifier is the recognizer's on the fused
    features, and that of :class:`InformationBottleneck` or :class:`LocalClassification` on those of a modality; it is
    run a second time.

    Args are those of :class:`AdversarialObjective`.

    Differences from the public code: each norm is divided by its own number of samples; the ramp of :math:`\lambda`
    follows the training (there ``ramp=dict(a=1, steps=1000)``).
    """

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative discrepancy, and the discrepancy for the log."""
        reversed_ = {name: self.reverse(value) for name, value in comparison.features.items()}
        probabilities = widen(comparison.classify(reversed_)[1]).softmax(1)
        value = nuclear_wasserstein(probabilities[comparison.source], probabilities[comparison.target])
        return -value, dict(nwd=value.detach())
