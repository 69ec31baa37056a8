# CDAN for each modality and for all of them together, balanced as Boomda balances its alignment losses.
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.CDAN', num_classes=_base_.num_classes, placement='both', balanced=True),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
