# Gradient-Blending, offline: one estimate before the first epoch, each head trained alone for all epochs.
# Written by tools/spread_recipes.py from features/g-blend-offline_mlp_ravdess_to-actors01-06.py
_base_ = ['./g-blend_mlp_avdigits_to-mnist.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='offline')]
