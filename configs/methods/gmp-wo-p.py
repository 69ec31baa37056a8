# Without p: only the classification gradient is modulated, no projection.
_base_ = ['./gmp.py']

optim_wrapper = dict(balancer=dict(modulation='class_only', projection='none'))
