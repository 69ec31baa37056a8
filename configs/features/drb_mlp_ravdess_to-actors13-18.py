# DRB: encoders that overfit go back towards their initial weights.
# Written by tools/spread_recipes.py from features/drb_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_ravdess_to-actors13-18.py']

custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.DiagnosingRelearningHook', interval=5, times=3, scale=3.0)]
