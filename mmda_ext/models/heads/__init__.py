"""Heads on the features of all modalities."""

from mmda_ext.models.heads.agm_head import AGMClsHead
from mmda_ext.models.heads.base import MultimodalHead
from mmda_ext.models.heads.cls_head import MultimodalClsHead
from mmda_ext.models.heads.domain_head import DomainDiscriminatorHead
from mmda_ext.models.heads.gradient_reversal import reverse_gradient, scale_gradient
from mmda_ext.models.heads.opm_head import OPMClsHead

__all__ = [
    'AGMClsHead', 'DomainDiscriminatorHead', 'MultimodalClsHead', 'MultimodalHead', 'OPMClsHead', 'reverse_gradient',
    'scale_gradient'
]
