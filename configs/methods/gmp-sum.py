# GMP with summation of the logits of one MLP per modality.
#
# section: Fusions
# fusion: with GMP
# table: GMP 5
_base_ = ['./gmp.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
