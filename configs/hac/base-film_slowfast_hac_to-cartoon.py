# Base with FiLM.
# Written by tools/spread_recipes.py from hac/base-film_slowfast_hac_to-human.py
_base_ = ['./base_slowfast_hac_to-cartoon.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='video'))
