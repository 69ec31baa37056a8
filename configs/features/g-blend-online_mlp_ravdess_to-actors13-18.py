# Gradient-Blending, online: each head trained alone for five epochs before every five epochs.
# Written by tools/spread_recipes.py from features/g-blend-online_mlp_ravdess_to-actors01-06.py
_base_ = ['./g-blend_mlp_ravdess_to-actors13-18.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='online')]
