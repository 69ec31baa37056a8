"""Optimizer wrappers of this package."""

from mmda_ext.engine.optim_wrappers.balanced import AmpBalancedOptimWrapper, BalancedOptimWrapper

__all__ = ['AmpBalancedOptimWrapper', 'BalancedOptimWrapper']
