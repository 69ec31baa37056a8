# Base with summation of the logits of one MLP per modality.
#
# section: Fusions
# fusion: sum of logits
# table: GMP 5
# differs: an MLP for each modality
_base_ = ['./base.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
