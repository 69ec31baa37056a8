# GMP with activation-based (gated) fusion.
# Written by tools/spread_recipes.py from features/gmp-gated_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_mlp_ravdess_to-actors13-18.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated='face'))
