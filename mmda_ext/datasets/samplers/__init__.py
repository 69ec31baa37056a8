"""Samplers that data loaders name in their config."""

from mmda_ext.datasets.samplers.domain_balanced_sampler import DomainBalancedBatchSampler
from mmda_ext.datasets.samplers.labelled_sampler import LabelledBatchSampler
from mmda_ext.datasets.samplers.source_target_sampler import SourceTargetBatchSampler
from mmda_ext.datasets.samplers.target_stream_sampler import TargetStreamBatchSampler

__all__ = [
    'DomainBalancedBatchSampler', 'LabelledBatchSampler', 'SourceTargetBatchSampler', 'TargetStreamBatchSampler',
]
