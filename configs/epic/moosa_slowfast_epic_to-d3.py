# MOOSA.
# Written by tools/spread_recipes.py from epic/moosa_slowfast_epic_to-d1.py
_base_ = ['./erm_slowfast_epic_to-d3.py', '../_base_/methods/moosa.py']

model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        _base_.moosa_heads,
        *_base_.moosa,
    ])
