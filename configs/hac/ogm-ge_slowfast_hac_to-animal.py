# OGM-GE: OGM and noise of the size of the gradient.
# Written by tools/spread_recipes.py from hac/ogm-ge_slowfast_hac_to-human.py
_base_ = ['./ogm_slowfast_hac_to-animal.py']

optim_wrapper = dict(balancer=dict(ge=True))
