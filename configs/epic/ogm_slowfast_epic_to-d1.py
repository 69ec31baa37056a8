# OGM: the encoder that is ahead gets a smaller classification gradient; the adversarial one is left alone.
# Written by tools/spread_recipes.py from features/ogm_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_slowfast_epic_to-d1.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.OGM', alpha=0.3))
