# SimMMDG.
# Written by tools/spread_recipes.py from features/simmmdg_mlp_ravdess_to-actors01-06.py
_base_ = ['./erm_mlp_avdigits_to-mnist.py', '../_base_/methods/simmmdg_features.py']

model = dict(objectives=_base_.simmmdg)
