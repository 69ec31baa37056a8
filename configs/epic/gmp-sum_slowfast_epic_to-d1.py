# GMP with summation of the logits of one MLP per modality.
# Written by tools/spread_recipes.py from features/gmp-sum_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_slowfast_epic_to-d1.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
