# PCGrad: the classification and the adversarial gradient lose what opposes the other, for each encoder apart.
_base_ = ['./base.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
