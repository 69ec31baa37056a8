# GMP with FiLM.
# Written by tools/spread_recipes.py from features/gmp-film_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_mlp_ravdess_to-actors07-12.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='face'))
