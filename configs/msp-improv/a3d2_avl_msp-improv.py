# A3D2: one modality is the anchor, the others drift towards it.
# Written by tools/spread_recipes.py from adaptation/a3d2_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_avl_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(
            type='mmda_ext.A3D2',
            num_classes=4,
            anchor='text',
            modality_weights=dict(speech=0.1, face=0.7, text=0.1)),
    ])
