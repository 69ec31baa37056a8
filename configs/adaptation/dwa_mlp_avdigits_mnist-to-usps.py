# Dynamic weight average: more weight for the loss that falls slowly.
# Over the alignment losses, in the place of Boomda's closed form.
# Written by tools/spread_recipes.py from adaptation/dwa_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./boomda_mlp_avdigits_mnist-to-usps.py']

optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.DWA', temperature=2.0, normalize=True))
