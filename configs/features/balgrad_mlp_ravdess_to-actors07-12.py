# BALGRAD: heads of the modalities learn from each other, and the classification gradient yields where it opposes that.
# Written by tools/spread_recipes.py from features/balgrad_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_ravdess_to-actors07-12.py']

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
