# Boomda with the exact MGDA solution instead of the closed form.
# Written by tools/spread_recipes.py from adaptation/boomda-exact_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./boomda_mlp_avdigits_mnist-to-usps.py']

optim_wrapper = dict(balancer=dict(solver='exact'))
