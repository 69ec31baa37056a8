# PCGrad: both gradients projected, no modulation.
_base_ = ['../epic/gmp_slowfast_epic_to-d1.py']

optim_wrapper = dict(balancer=dict(modulation='none', projection='both'))
