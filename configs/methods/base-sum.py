# Base with summation of the logits of one MLP per modality.
_base_ = ['./base.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
