# Base with activation-based (gated) fusion.
#
# section: Fusions
# fusion: gated, Kiela et al., AAAI 2018
# needs: which modality gates
# table: GMP 5 (activation-based)
_base_ = ['./base.py']

model = dict(fusion=dict(type='mmda_ext.GatedFusion', gated=_base_.modalities[0]))
