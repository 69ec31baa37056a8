# OGM: the encoder that is ahead gets a smaller classification gradient; the adversarial one is left alone.
# Written by tools/spread_recipes.py from features/ogm_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_ravdess_to-actors19-24.py']

# MLPs hold no convolutions: the weights of linear layers have rank 2.
optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.OGM', alpha=0.3, min_rank=2))
