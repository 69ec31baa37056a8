# Alignment without balancing: all objectives weigh 1 / (M + 1).
# Written by tools/spread_recipes.py from adaptation/uniform_mlp_ravdess_actors01-12-to-13-24.py: change that one.
_base_ = ['./boomda_mlp_avdigits_mnist-to-usps.py']

optim_wrapper = dict(balancer=dict(solver='uniform'))
