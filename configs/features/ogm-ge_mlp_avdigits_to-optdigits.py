# OGM-GE: OGM and noise of the size of the gradient.
# Written by tools/spread_recipes.py from features/ogm-ge_mlp_ravdess_to-actors01-06.py
_base_ = ['./ogm_mlp_avdigits_to-optdigits.py']

optim_wrapper = dict(balancer=dict(ge=True))
