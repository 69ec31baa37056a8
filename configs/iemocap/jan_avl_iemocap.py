# JAN: joint maximum mean discrepancy of both modalities and the fused class probabilities.
# Written by tools/spread_recipes.py from adaptation/jan_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_iemocap.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.JAN'),
    ])
