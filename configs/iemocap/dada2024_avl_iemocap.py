# DADA (Ren et al., AAAI 2024), adapted: a discriminator of source, target and their mixture.
# Written by tools/spread_recipes.py from adaptation/dada2024_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_iemocap.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DADA2024', num_classes=4),
    ])
