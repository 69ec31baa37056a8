# Base with FiLM.
# Written by tools/spread_recipes.py from features/base-film_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_avdigits_to-usps.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='image'))
