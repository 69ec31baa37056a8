# CMRF with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from hac/cmrf-gmp_slowfast_hac_to-human.py
_base_ = ['./gmp_slowfast_hac_to-animal.py', '../_base_/methods/cmrf.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        _base_.cmrf_heads,
        _base_.cmrf_contrast,
        dict(_base_.cmrf_distillation, start=100),
    ])
train_cfg = dict(max_epochs=15)
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
