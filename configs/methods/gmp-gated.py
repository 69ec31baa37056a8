# GMP with activation-based (gated) fusion.
#
# section: Fusions
# fusion: with GMP
# table: GMP 5
_base_ = ['./gmp.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated=_base_.modalities[0]))
