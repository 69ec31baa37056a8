# IGDM-only: modulation without projection.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(projection='none'))
