# BALGRAD: heads of the modalities learn from each other, and the classification gradient yields where it opposes that.
_base_ = ['./base.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(
            type='mmda_ext.LocalClassification',
            loss_weight=1.0,
            task='heads',
            by_modality=True,
            balanced_heads=False),
        dict(type='mmda_ext.MutualDistillation'),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.BalGrad'))
