# GradNorm: gradient norms that follow the inverse training rates.
# Over the alignment losses, in the place of Boomda's closed form.
# Written by tools/spread_recipes.py from adaptation/gradnorm_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./boomda_mlp_avdigits_mnist-to-usps.py']

optim_wrapper = dict(balancer=dict(_delete_=True, type='mmda_ext.GradNorm', alpha=1.5, normalize=True))
