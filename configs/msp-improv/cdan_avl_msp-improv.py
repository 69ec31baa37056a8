# CDAN: as DANN, on the product of features and class probabilities.
# Written by tools/spread_recipes.py from adaptation/cdan_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CDAN', num_classes=4),
    ])
