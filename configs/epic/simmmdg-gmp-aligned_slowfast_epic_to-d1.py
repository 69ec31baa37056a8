# SimMMDG with GMP, aligned mapping: the method's terms join the domain task and are balanced with it.
# Written by tools/spread_recipes.py from features/simmmdg-gmp-aligned_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_slowfast_epic_to-d1.py', '../_base_/methods/simmmdg_features.py']

model = dict(
    objectives=[*_base_.model.objectives, *[dict(term, task='domain') for term in _base_.simmmdg]])
