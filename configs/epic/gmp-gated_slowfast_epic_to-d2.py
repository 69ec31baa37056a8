# GMP with activation-based (gated) fusion.
# Written by tools/spread_recipes.py from epic/gmp-gated_slowfast_epic_to-d1.py
_base_ = ['./gmp_slowfast_epic_to-d2.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated='video'))
