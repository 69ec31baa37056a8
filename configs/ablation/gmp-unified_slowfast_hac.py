# Unified modulation: one coefficient for both gradients, no projection.
_base_ = ['../hac/gmp_slowfast_hac_to-human.py']

optim_wrapper = dict(balancer=dict(modulation='unified', projection='none'))
