# Base with FiLM.
#
# section: Fusions
# fusion: FiLM, Perez et al., AAAI 2018
# needs: which modality conditions
# table: GMP 5
_base_ = ['./base.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated=_base_.modalities[0]))
