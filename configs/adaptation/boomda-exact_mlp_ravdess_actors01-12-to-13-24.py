# Boomda with the exact MGDA solution instead of the closed form.
_base_ = ['./boomda_mlp_ravdess_actors01-12-to-13-24.py']

optim_wrapper = dict(balancer=dict(solver='exact'))
