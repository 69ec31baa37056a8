# Base with activation-based (gated) fusion.
# Written by tools/spread_recipes.py from hac/base-gated_slowfast_hac_to-human.py
_base_ = ['./base_slowfast_hac_to-animal.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated='video'))
