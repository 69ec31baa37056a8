# OGM: the encoder that is ahead gets a smaller classification gradient; the adversarial one is left alone.
# Written by tools/spread_recipes.py from epic/ogm_slowfast_epic_to-d1.py
_base_ = ['./base_slowfast_epic_to-d2.py']

optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.OGM', alpha=0.3))
