# GMP with activation-based (gated) fusion.
# Written by tools/spread_recipes.py from hac/gmp-gated_slowfast_hac_to-human.py
_base_ = ['./gmp_slowfast_hac_to-animal.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated='video'))
