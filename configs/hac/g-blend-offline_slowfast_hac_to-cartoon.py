# Gradient-Blending, offline: one estimate before the first epoch, each head trained alone for all epochs.
# Written by tools/spread_recipes.py from hac/g-blend-offline_slowfast_hac_to-human.py
_base_ = ['./g-blend_slowfast_hac_to-cartoon.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='offline')]
