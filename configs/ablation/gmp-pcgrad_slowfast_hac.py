# PCGrad: both gradients projected, no modulation.
_base_ = ['../hac/gmp_slowfast_hac_to-human.py']

optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
