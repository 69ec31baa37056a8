# IGDM-only: modulation without projection.
_base_ = ['../epic/gmp_slowfast_epic_to-d1.py']

optim_wrapper = dict(balancer=dict(projection='none'))
