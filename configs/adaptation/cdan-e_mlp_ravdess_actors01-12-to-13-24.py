# CDAN+E: samples that the classifier is sure of count more.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CDAN', num_classes=8, entropy=True),
    ])
