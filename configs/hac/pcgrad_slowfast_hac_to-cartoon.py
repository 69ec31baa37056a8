# PCGrad: the classification and the adversarial gradient lose what opposes the other, for each encoder apart.
# Written by tools/spread_recipes.py from hac/pcgrad_slowfast_hac_to-human.py
_base_ = ['./base_slowfast_hac_to-cartoon.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
