# DDC: distance of the means of the concatenated features.
# Written by tools/spread_recipes.py from adaptation/ddc_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.MKMMD', kernel='linear', estimator='biased', loss_weight=0.25),
    ])
