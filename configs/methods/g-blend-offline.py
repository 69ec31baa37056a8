# Gradient-Blending, offline: one estimate before the first epoch, each head trained alone for all epochs.
_base_ = ['./g-blend.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='offline')]
