# Gradient-Blending, online: each head trained alone for five epochs before every five epochs.
_base_ = ['./g-blend.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='online')]
