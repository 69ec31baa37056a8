# GMP with activation-based (gated) fusion.
_base_ = ['./gmp.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated=_base_.modalities[0]))
