# PCGrad: the classification and the adversarial gradient lose what opposes the other, for each encoder apart.
# Written by tools/spread_recipes.py from epic/pcgrad_slowfast_epic_to-d1.py
_base_ = ['./base_slowfast_epic_to-d2.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
