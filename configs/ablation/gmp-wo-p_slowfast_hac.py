# Without p: only the classification gradient is modulated, no projection.
_base_ = ['../hac/gmp_slowfast_hac_to-human.py']

optim_wrapper = dict(balancer=dict(modulation='class_only', projection='none'))
