# Base with summation of the logits of one MLP per modality.
# Written by tools/spread_recipes.py from epic/base-sum_slowfast_epic_to-d1.py
_base_ = ['./base_slowfast_epic_to-d3.py']

model = dict(fusion=dict(type='mmda_ext.SumFusion'))
