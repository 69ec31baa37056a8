# DALN: the classifier as its own critic, by the nuclear norm of its predictions.
# Written by tools/spread_recipes.py from adaptation/daln_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_iemocap.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DALN'),
    ])
