# Alignment without balancing: all objectives weigh 1 / (M + 1).
_base_ = ['./boomda_mlp_ravdess_actors01-12-to-13-24.py']

optim_wrapper = dict(balancer=dict(solver='uniform'))
