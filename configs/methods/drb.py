# DRB: encoders that overfit go back towards their initial weights.
_base_ = ['./base.py']

custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.DiagnosingRelearningHook', interval=5, times=3, scale=3.0)]
