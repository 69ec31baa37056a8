# MOOSA with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from hac/moosa-gmp_slowfast_hac_to-human.py
_base_ = ['./gmp_slowfast_hac_to-animal.py', '../_base_/methods/moosa.py']

model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        *_base_.model.objectives,
        _base_.moosa_heads,
        *_base_.moosa,
    ])
