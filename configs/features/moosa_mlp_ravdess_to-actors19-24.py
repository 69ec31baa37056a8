# MOOSA.
# Written by tools/spread_recipes.py from features/moosa_mlp_ravdess_to-actors01-06.py
_base_ = ['./erm_mlp_ravdess_to-actors19-24.py', '../_base_/methods/moosa_features.py']

model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        _base_.moosa_heads,
        *_base_.moosa,
    ])
