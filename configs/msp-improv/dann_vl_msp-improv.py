# DANN: a discriminator of source and target on the concatenated features, behind a gradient reversal.
# Written by tools/spread_recipes.py from adaptation/dann_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_vl_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DANN'),
    ])
