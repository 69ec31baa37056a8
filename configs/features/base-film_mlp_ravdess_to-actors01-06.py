# Base with FiLM.
_base_ = ['./base_mlp_ravdess_to-actors01-06.py']

model = dict(fusion=dict(type='mmda_ext.FiLMFusion', modulated='face'))
