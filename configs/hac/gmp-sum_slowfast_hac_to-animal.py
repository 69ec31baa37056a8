# GMP with summation of the logits of one MLP per modality.
# Written by tools/spread_recipes.py from hac/gmp-sum_slowfast_hac_to-human.py
_base_ = ['./gmp_slowfast_hac_to-animal.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
