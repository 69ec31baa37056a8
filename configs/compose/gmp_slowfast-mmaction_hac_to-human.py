# GMP on top of a recipe that is composed from MMAction2's parts.
_base_ = ['./base_slowfast-mmaction_hac_to-human.py']

optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.GMP'))
