"""Samplers that data loaders name in their config."""

from mmda_ext.datasets.samplers.domain_balanced_sampler import DomainBalancedBatchSampler
from mmda_ext.datasets.samplers.source_target_sampler import SourceTargetBatchSampler

__all__ = ['DomainBalancedBatchSampler', 'SourceTargetBatchSampler']
