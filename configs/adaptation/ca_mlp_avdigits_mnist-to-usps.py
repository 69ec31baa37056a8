# Balanced correlation alignment alone.
# Written by tools/spread_recipes.py from adaptation/ca_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_mlp_avdigits_mnist-to-usps.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CorrelationAlignment', alpha2='auto'),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
