"""Several source domains, each against the target with a discriminator of its own (Zhao et al., NeurIPS 2018)."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmda_ext.choices import choose
from mmda_ext.models.adaptation import FUSED, Comparison, discriminators, domain_cross_entropy
from mmda_ext.models.heads.base import widen
from mmda_ext.models.joining import joined_mean, joined_sum
from mmda_ext.models.objectives.adaptation import AdversarialObjective
from mmda_ext.registry import MODELS

if TYPE_CHECKING:
    from mmda_ext.models.recognizers import MultimodalRecognizer

MODES = ('soft', 'hard')


@MODELS.register_module()
class MDAN(AdversarialObjective):
    r""":math:`\frac1\gamma \log \sum_i e^{\gamma (e_i + \mu a_i)}` over the source domains :math:`i`.

    :math:`e_i` is the classifier's cross-entropy on source :math:`i`, :math:`a_i` the loss of :class:`DANN` between it
    and the target. ``mode='hard'`` is :math:`\max_i e_i + \mu \min_i a_i`. With one source domain both are
    cross-entropy and DANN with weight :math:`\mu`. The classifier's cross-entropy is inside, so ``cls_head``
    needs ``loss_weight=0``.

    Args are those of :class:`DANN`, and:

    Args:
        num_domains (int): Number of source domains.
        mu (float): :math:`\mu`.
        mode (str): ``'soft'`` or ``'hard'``.
        gamma (float): :math:`\gamma` of the soft form, > 0.
        ramp (dict, optional): As in :class:`AdversarialObjective`; by default :math:`\lambda = 1` throughout.

    Raises:
        ValueError: If ``mode`` is unknown, ``gamma`` or ``num_domains`` is not positive, or the classifier adds its own
            cross-entropy as well.

    A domain without labelled samples in the batch, that of all processes together, takes no part in the step.
    Difference from the paper: :math:`a_i` is the mean, not the sum, of the losses on source :math:`i` and on the
    target, as everywhere here.
    """

    #: The classifier learns from source samples alone too.
    compared = ('source', )

    def __init__(self,
                 num_domains: int,
                 *args: Any,
                 mu: float = 1e-2,
                 mode: str = 'soft',
                 gamma: float = 10.0,
                 discriminator: dict | None = None,
                 ramp: dict | None = None,
                 **kwargs: Any) -> None:
        super().__init__(*args, ramp=dict(lo=1.0) if ramp is None else ramp, **kwargs)
        choose('mode', mode, MODES, 'MDAN')
        if not gamma > 0 or num_domains < 1:
            raise ValueError(f'MDAN: gamma={gamma!r} and num_domains={num_domains!r} must be positive')
        self.mu, self.mode, self.gamma = mu, mode, gamma
        self.num_domains = num_domains
        self.discriminators = discriminators(self.widths, discriminator, num_domains)

    def bind(self, model: 'MultimodalRecognizer') -> None:
        """Refuse a classifier that adds its cross-entropy a second time."""
        self.take_over_classification(model)

    def criterion(self, comparison: Comparison) -> tuple[Tensor, dict[str, Tensor]]:
        """The formula of the class, and what its parts were for each domain."""
        features = self.reverse(comparison.joined)
        domains, labels = comparison.step.domain_labels, comparison.step.labels
        entropies = F.cross_entropy(widen(comparison.logits(FUSED)), labels, ignore_index=-1, reduction='none')
        errors, gaps, counts, seen = [], [], [], {}
        opinions = self.discriminators[comparison.name]([features] * self.num_domains)
        for i, logits in enumerate(opinions):
            inside = (domains == i).index_fill(0, comparison.target, False)
            weights = inside.to(entropies).index_fill(0, comparison.target, 1)
            gap, parts = domain_cross_entropy(logits, comparison.source, comparison.target, weights)
            known = inside & (labels >= 0)
            errors.append(joined_mean(entropies, known))
            gaps.append(gap)
            counts.append(known.sum())
            seen.update({f'{key}_{i}': value for key, value in parts.items()})
        return self._combine(torch.stack(errors), torch.stack(gaps), joined_sum(torch.stack(counts)) > 0), seen

    def _combine(self, errors: Tensor, gaps: Tensor, present: Tensor) -> Tensor:
        """Soft or hard maximum over the domains that are there, 0 if there is none; all ``(num_domains, )``."""
        if self.mode == 'hard':
            value = errors.masked_fill(~present, -torch.inf).amax() + self.mu * gaps.masked_fill(
                ~present, torch.inf).amin()
        else:
            bounds = (self.gamma * (errors + self.mu * gaps)).masked_fill(~present, -torch.inf)
            value = bounds.logsumexp(0) / self.gamma
        return torch.where(present.any(), value, 0.0)
