# GMP with activation-based (gated) fusion.
_base_ = ['./gmp_mlp_ravdess_to-actors01-06.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated='face'))
