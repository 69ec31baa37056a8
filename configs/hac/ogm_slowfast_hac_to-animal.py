# OGM: the encoder that is ahead gets a smaller classification gradient; the adversarial one is left alone.
# Written by tools/spread_recipes.py from hac/ogm_slowfast_hac_to-human.py
_base_ = ['./base_slowfast_hac_to-animal.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.OGM', alpha=0.3))
