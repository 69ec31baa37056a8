# Amanda, our reading of its abstract: logarithms of the alignment losses, source samples weighted by class shift.
# Written by tools/spread_recipes.py from adaptation/amanda_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.Amanda', alpha2=0.1),
    ])
