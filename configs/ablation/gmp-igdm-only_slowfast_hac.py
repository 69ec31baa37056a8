# IGDM-only: modulation without projection.
_base_ = ['../hac/gmp_slowfast_hac_to-human.py']

optim_wrapper = dict(balancer=dict(projection='none'))
