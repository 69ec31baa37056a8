# DADA (Tang and Jia, AAAI 2020): a classifier with one more output for the target domain, after pre-training.
# Written by tools/spread_recipes.py from adaptation/dada2020_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_al_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DADA2020', ramp=dict(start=0.5)),
    ])
