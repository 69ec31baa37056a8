# GMP with inner products of feature gradients: one encoder backward pass (not in the paper).
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(space='feature'))
