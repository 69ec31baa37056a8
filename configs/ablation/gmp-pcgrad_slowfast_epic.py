# PCGrad: both gradients projected, no modulation.
_base_ = ['../epic/gmp_slowfast_epic_to-d1.py']

optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
