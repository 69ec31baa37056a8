# PCGrad: both gradients projected, no modulation.
_base_ = ['../hac/gmp_slowfast_hac_to-human.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='both'))
