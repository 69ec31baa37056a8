# CDAN for each modality and for all of them together, balanced as Boomda balances its alignment losses.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CDAN', num_classes=8, placement='both', balanced=True),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
