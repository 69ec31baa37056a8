# PCL on top of DANN: two views of a target sample agree in their class probabilities.
# Written by tools/spread_recipes.py from adaptation/pcl_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dann_mlp_avdigits_mnist-to-usps.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DANN'),
        dict(type='mmda_ext.PCL', loss_weight=0.05),
    ])
