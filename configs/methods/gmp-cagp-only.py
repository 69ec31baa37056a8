# CAGP-only: projection without modulation.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none'))
