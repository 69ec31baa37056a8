# DADA (Ren et al., AAAI 2024), adapted: a discriminator of source, target and their mixture.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DADA2024', num_classes=8),
    ])
