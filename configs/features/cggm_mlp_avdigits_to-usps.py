# CGGM: classification gradients scaled by what auxiliary classifiers gained; the adversarial one is left alone.
# Written by tools/spread_recipes.py from features/cggm_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_avdigits_to-usps.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.ClassifierGuidance', num_classes=10),
    ])
# The classifiers learn with 5e-4 whatever the encoders do.
optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.CGGM', rho=1.3),
    clip_grad=dict(max_norm=0.8),
    paramwise_cfg=dict(custom_keys=dict(auxiliary=dict(lr_mult=0.5))))
