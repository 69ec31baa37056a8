# GMP with FiLM.
# Written by tools/spread_recipes.py from hac/gmp-film_slowfast_hac_to-human.py
_base_ = ['./gmp_slowfast_hac_to-animal.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='video'))
