# Gradient-Blending, online: each head trained alone for five epochs before every five epochs.
# Written by tools/spread_recipes.py from epic/g-blend-online_slowfast_epic_to-d1.py
_base_ = ['./g-blend_slowfast_epic_to-d2.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='online')]
