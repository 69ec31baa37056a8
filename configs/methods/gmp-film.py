# GMP with FiLM.
#
# section: Fusions
# fusion: with GMP
# table: GMP 5
_base_ = ['./gmp.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated=_base_.modalities[0]))
