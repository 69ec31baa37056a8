# CGGM: classification gradients scaled by what auxiliary classifiers gained; the adversarial one is left alone.
#
# section: Balancing strategies
# method: [CGGM](methods/cggm.md), Guo, Jin, Chen, Zhao, NeurIPS 2024
# code: `CGGM`: `balancing/cggm.py`, `ClassifierGuidance`: `models/objectives/classifier_guidance.py`
# needs: classifiers on detached features
# keeps: accuracies of the last batch
# table: GMP 2
# differs: factors clamped to [0, 2]; linear classifiers; one optimizer
_base_ = ['./base.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.ClassifierGuidance', num_classes=_base_.num_classes),
    ])
# The classifiers learn with 5e-4 whatever the encoders do.
optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.CGGM', rho=1.3),
    clip_grad=dict(max_norm=0.8),
    paramwise_cfg=dict(custom_keys=dict(auxiliary=dict(lr_mult=5e-4 / _base_.optim_wrapper.optimizer.lr))))
