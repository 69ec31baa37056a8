# OGM-GE: OGM and noise of the size of the gradient.
# Written by tools/spread_recipes.py from epic/ogm-ge_slowfast_epic_to-d1.py
_base_ = ['./ogm_slowfast_epic_to-d3.py']

optim_wrapper = dict(balancer=dict(ge=True))
