# Unified modulation: one coefficient for both gradients, no projection.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='unified', projection='none'))
