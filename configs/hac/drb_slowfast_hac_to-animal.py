# DRB: encoders that overfit go back towards their initial weights.
# Written by tools/spread_recipes.py from hac/drb_slowfast_hac_to-human.py
_base_ = ['./base_slowfast_hac_to-animal.py']

custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.DiagnosingRelearningHook', interval=5, times=3, scale=3.0)]
