# Alignment without balancing: all objectives weigh 1 / (M + 1).
_base_ = ['./boomda_vl_iemocap.py']

optim_wrapper = dict(balancer=dict(solver='uniform'))
