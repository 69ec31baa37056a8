# OGM-GE: OGM and noise of the size of the gradient.
_base_ = ['./ogm.py']

optim_wrapper = dict(balancer=dict(ge=True))
