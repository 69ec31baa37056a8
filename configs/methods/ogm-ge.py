# OGM-GE: OGM and noise of the size of the gradient.
#
# section: Balancing strategies
# method: OGM-GE, the same with noise
# code: the same
# needs: the same
# keeps: as above
# table: GMP 1, 2
# differs: as above
_base_ = ['./ogm.py']

optim_wrapper = dict(balancer=dict(ge=True))
