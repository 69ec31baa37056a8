"""Samplers that data loaders name in their config."""

from mmda_ext.datasets.samplers.source_target_sampler import SourceTargetBatchSampler

__all__ = ['SourceTargetBatchSampler']
