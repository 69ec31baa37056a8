# DRB: encoders that overfit go back towards their initial weights.
# Written by tools/spread_recipes.py from epic/drb_slowfast_epic_to-d1.py
_base_ = ['./base_slowfast_epic_to-d2.py']

custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.DiagnosingRelearningHook', interval=5, times=3, scale=3.0)]
