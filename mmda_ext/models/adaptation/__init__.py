"""Parts of the objectives that compare source and target."""

from mmda_ext.models.adaptation.comparison import FUSED, Comparison
from mmda_ext.models.adaptation.discriminator import DomainDiscriminator, discriminators, domain_cross_entropy
from mmda_ext.models.adaptation.multilinear import MultilinearMap
from mmda_ext.models.adaptation.nuclear import nuclear_wasserstein
from mmda_ext.models.adaptation.ramp import Ramp

__all__ = [
    'FUSED', 'Comparison', 'DomainDiscriminator', 'MultilinearMap', 'Ramp', 'discriminators', 'domain_cross_entropy',
    'nuclear_wasserstein'
]
