# CMRF.
# Written by tools/spread_recipes.py from epic/cmrf_slowfast_epic_to-d1.py
_base_ = ['./erm_slowfast_epic_to-d3.py', '../_base_/methods/cmrf.py']

model = dict(
    objectives=[
        _base_.cmrf_heads,
        _base_.cmrf_contrast,
        dict(_base_.cmrf_distillation, start=400),
    ])
train_cfg = dict(max_epochs=15)
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.AveragedTeacherHook')]
