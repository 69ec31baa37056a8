# Fixed projection of the classification gradient, no modulation.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='class'))
