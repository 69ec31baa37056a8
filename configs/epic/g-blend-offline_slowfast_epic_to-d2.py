# Gradient-Blending, offline: one estimate before the first epoch, each head trained alone for all epochs.
# Written by tools/spread_recipes.py from epic/g-blend-offline_slowfast_epic_to-d1.py
_base_ = ['./g-blend_slowfast_epic_to-d2.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='offline')]
