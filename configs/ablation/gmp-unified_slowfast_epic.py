# Unified modulation: one coefficient for both gradients, no projection.
_base_ = ['../epic/gmp_slowfast_epic_to-d1.py']

optim_wrapper = dict(balancer=dict(modulation='unified', projection='none'))
