# PCL on top of DANN: two views of a target sample agree in their class probabilities.
# Written by tools/spread_recipes.py from adaptation/pcl_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dann_avl_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DANN'),
        dict(
            type='mmda_ext.PCL',
            loss_weight=0.05,
            views=dict(
                speech=dict(type='mmda_ext.AudioView'),
                face=dict(type='mmda_ext.VideoView'),
                text=dict(type='mmda_ext.TokenView', mask_id=103, special_ids=(0, 101, 102)))),
    ])
