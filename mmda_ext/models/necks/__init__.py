"""Pooling between backbone and fusion."""

from mmda_ext.models.necks.pool_neck import PoolNeck

__all__ = ['PoolNeck']
