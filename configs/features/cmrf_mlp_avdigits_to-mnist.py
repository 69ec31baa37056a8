# CMRF.
# Written by tools/spread_recipes.py from features/cmrf_mlp_ravdess_to-actors01-06.py
_base_ = ['./erm_mlp_avdigits_to-mnist.py', '../_base_/methods/cmrf.py']

model = dict(
    objectives=[
        _base_.cmrf_heads,
        _base_.cmrf_contrast,
        dict(_base_.cmrf_distillation, start=100),
    ])
train_cfg = dict(max_epochs=15)
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
