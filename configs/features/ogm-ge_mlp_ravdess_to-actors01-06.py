# OGM-GE: OGM and noise of the size of the gradient.
_base_ = ['./ogm_mlp_ravdess_to-actors01-06.py']

optim_wrapper = dict(balancer=dict(ge=True))
