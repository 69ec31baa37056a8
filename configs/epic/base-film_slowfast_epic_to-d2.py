# Base with FiLM.
# Written by tools/spread_recipes.py from epic/base-film_slowfast_epic_to-d1.py
_base_ = ['./base_slowfast_epic_to-d2.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='video'))
