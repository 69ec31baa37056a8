# MOOSA.
_base_ = ['./erm_slowfast_hac_to-human.py', '../_base_/methods/moosa.py']

model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        _base_.moosa_heads,
        *_base_.moosa,
    ])
