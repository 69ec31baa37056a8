# SimMMDG with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from features/simmmdg-gmp_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_mlp_ravdess_to-actors13-18.py', '../_base_/methods/simmmdg_features.py']

model = dict(objectives=[*_base_.model.objectives, *_base_.simmmdg])
