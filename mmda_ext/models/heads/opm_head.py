"""Classifier that loses features of the modality that is ahead (on-the-fly prediction modulation; Wei et al., 2024)."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmda_ext.confidence import confidence_ratio
from mmda_ext.models.heads.cls_head import MultimodalClsHead
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class OPMClsHead(MultimodalClsHead):
    r"""Cross-entropy on features from which whole modalities that are ahead are taken, sample by sample (OPM).

    With :math:`S^m` the batch sum of the probability that modality :math:`m` alone gives to the true class, and
    :math:`d_m` the width of its features:

    .. math::
        \rho^m = \tanh \max\Bigl(0, \frac{S^m}{\operatorname{mean}_{j \ne m} S^j} - 1\Bigr),\qquad
        q^m = \min(1, q_0 (1 + \lambda \rho^m))\ \text{if}\ \rho^m > 0\ \text{else}\ 0,\qquad
        \theta = \frac{\sum_m d_m q^m}{\sum_m d_m}

    With probability ``p`` a batch is modulated: :math:`z^m` of each sample is 0 with probability :math:`q^m`, and all
    features are divided by :math:`1 - \theta`, those that are kept, too. The modality with the smallest sum is never
    taken, so no sample is left with nothing. Sums are those of all processes; draws come from the generator of
    ordinary dropout. Evaluation, and all other heads and objectives, see the features as they are.

    Args:
        num_classes (int): Number of classes.
        fusion (dict): As in :class:`MultimodalHead`.
        p (float): Share of the batches that are modulated, from 0 to 1; 0.7 as released.
        base (float): :math:`q_0`, from 0 to 1; 0.5 as released.
        slope (float): :math:`\lambda \ge 0`; 0.5 as released.
        **kwargs: As for :class:`MultimodalClsHead`.

    Raises:
        ValueError: If an option is out of range, or there is one modality only.

    Source: Wei, Hu, Du, Wen, TPAMI 2024, by the authors' release. Not verified: more than two modalities, which the
    release does not have; a third party divides by the sum of the others, which is nearly never exceeded, instead of
    their mean.
    """

    def __init__(self,
                 num_classes: int,
                 fusion: dict,
                 p: float = 0.7,
                 base: float = 0.5,
                 slope: float = 0.5,
                 **kwargs: Any) -> None:
        super().__init__(num_classes, fusion, **kwargs)
        if len(self.fusion.modalities) < 2:
            raise ValueError(f'OPMClsHead needs two modalities or more, got {self.fusion.modalities}: use '
                             'MultimodalClsHead')
        for name, value in dict(p=p, base=base).items():
            if not 0 <= value <= 1:
                raise ValueError(f'OPMClsHead: {name}={value!r} must be a number from 0 to 1')
        if not slope >= 0:
            raise ValueError(f'OPMClsHead: slope={slope!r} must be a number >= 0')
        if self.feature_dropout is not None:
            raise ValueError('OPMClsHead drops modalities itself: leave out cls_head.feature_dropout')
        self.p, self.base, self.slope = p, base, slope

    def loss(self, step: Step) -> Terms:
        """As :class:`MultimodalClsHead`, with the probability ``drop_<modality>`` of this batch."""
        if not self.training:
            return super().loss(step)
        share = self.drop_probabilities(step) * (torch.rand((), device=step.labels.device) < self.p)
        out = self.terms(step, self.fusion(self.modulated(step.features, share)))
        out |= {f'drop_{name}': value for name, value in zip(step.features, share)}
        return out

    @torch.no_grad()
    def drop_probabilities(self, step: Step) -> Tensor:
        """:math:`q^m` of a batch that is modulated, ``(M, )``."""
        sums = self.probe(step.features, step.labels, step.predictions.fused).confidences()
        all_reduce(sums)
        rho = (confidence_ratio(sums) - 1).clamp_min(0).tanh()
        return torch.where(rho > 0, (self.base * (1 + self.slope * rho)).clamp_max(1), 0)

    def modulated(self, features: Mapping[str, Tensor], share: Tensor) -> dict[str, Tensor]:
        """Features ``{m: (N, D_m)}``, each modality of a sample 0 with its probability in ``share`` ``(M, )``."""
        widths = share.new_tensor([value.shape[1] for value in features.values()])
        scale = 1 / (1 - (widths * share).sum() / widths.sum())
        # A product, so that what is not finite stays so and is seen.
        return {name: value * ((torch.rand(len(value), 1, device=value.device) >= q) * scale).to(value.dtype)
                for (name, value), q in zip(features.items(), share)}
