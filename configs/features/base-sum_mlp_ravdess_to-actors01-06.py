# Base with summation of the logits of one MLP per modality.
_base_ = ['./base_mlp_ravdess_to-actors01-06.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
