# GMP as published.
_base_ = ['./base_slowfast_demo-epic_to-d2.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.GMP', alpha_k=0.5, alpha_p=0.5))
