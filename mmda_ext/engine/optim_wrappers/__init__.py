"""Optimizer wrappers of this package."""

from mmda_ext.engine.optim_wrappers.balanced import AmpBalancedOptimWrapper, BalancedOptimWrapper
from mmda_ext.engine.optim_wrappers.sam import (
    AmpSAMBalancedOptimWrapper,
    AmpSAMOptimWrapper,
    SAMBalancedOptimWrapper,
    SAMOptimWrapper,
)

__all__ = ['AmpBalancedOptimWrapper', 'AmpSAMBalancedOptimWrapper', 'AmpSAMOptimWrapper', 'BalancedOptimWrapper',
           'SAMBalancedOptimWrapper', 'SAMOptimWrapper']
