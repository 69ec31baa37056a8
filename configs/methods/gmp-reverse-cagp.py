# Reverse CAGP: the adaptive choice swapped, no modulation.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='reverse'))
