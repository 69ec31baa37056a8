# SimMMDG.
_base_ = ['./erm_mlp_ravdess_to-actors01-06.py', '../_base_/methods/simmmdg_features.py']

model = dict(objectives=_base_.simmmdg)
