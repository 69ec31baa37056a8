# Gradient-Blending without trainings beside the run: weights from the losses of all heads every five epochs.
_base_ = ['./base.py']

model = dict(
    cls_head=dict(loss_weight=0.0),
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.LocalClassification', loss_weight=0.0, task='heads'),
        dict(type='mmda_ext.BlendedClassification'),
    ])
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.GradientBlendingHook', mode='boundaries', super_epoch=5)]
