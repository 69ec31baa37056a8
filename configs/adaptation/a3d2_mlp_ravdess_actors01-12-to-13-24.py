# A3D2: one modality is the anchor, the others drift towards it.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.A3D2', num_classes=8, anchor='audio', modality_weights=dict(face=0.7, audio=0.1)),
    ])
