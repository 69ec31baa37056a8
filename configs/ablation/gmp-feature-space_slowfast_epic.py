# GMP with inner products of feature gradients: one encoder backward pass (not in the paper).
_base_ = ['../epic/gmp_slowfast_epic_to-d1.py']

optim_wrapper = dict(balancer=dict(space='feature'))
