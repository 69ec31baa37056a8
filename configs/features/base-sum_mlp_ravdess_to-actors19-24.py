# Base with summation of the logits of one MLP per modality.
# Written by tools/spread_recipes.py from features/base-sum_mlp_ravdess_to-actors01-06.py
_base_ = ['./base_mlp_ravdess_to-actors19-24.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
