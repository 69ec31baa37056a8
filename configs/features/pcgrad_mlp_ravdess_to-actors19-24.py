# PCGrad: the classification and the adversarial gradient lose what opposes the other, for each encoder apart.
# Written by tools/spread_recipes.py from features/pcgrad_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_ravdess_to-actors19-24.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.PCGrad', tasks=('cls', 'domain')))
