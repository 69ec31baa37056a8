# MOOSA with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from features/moosa-gmp_mlp_ravdess_to-actors01-06.py
_base_ = ['./gmp_mlp_avdigits_to-optdigits.py', '../_base_/methods/moosa_features.py']

model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        *_base_.model.objectives,
        _base_.moosa_heads,
        *_base_.moosa,
    ])
