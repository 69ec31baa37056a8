# Balanced correlation alignment alone.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CorrelationAlignment', alpha2='auto'),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
