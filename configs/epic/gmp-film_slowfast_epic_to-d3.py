# GMP with FiLM.
# Written by tools/spread_recipes.py from epic/gmp-film_slowfast_epic_to-d1.py
_base_ = ['./gmp_slowfast_epic_to-d3.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='video'))
