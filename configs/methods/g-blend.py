# Gradient-Blending without trainings beside the run: weights from the losses of all heads every five epochs.
#
# section: Balancing strategies
# method: [Gradient-Blending](methods/g-blend.md), Wang, Tran, Feiszli, CVPR 2020: between epochs, from losses of the
#     jointly trained heads
# code: `BlendedClassification`: `models/objectives/blended_classification.py`, `engine/blend_weights.py`
# needs: heads of the modalities, source validation
# keeps: weights; `GradientBlendingHook`
# table: GMP 1, 2
# differs: an approximation of the published estimate, without its trainings
_base_ = ['./base.py']

model = dict(
    cls_head=dict(loss_weight=0.0),
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.LocalClassification', loss_weight=0.0, task='heads'),
        dict(type='mmda_ext.BlendedClassification'),
    ])
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.GradientBlendingHook', mode='boundaries', super_epoch=5)]
