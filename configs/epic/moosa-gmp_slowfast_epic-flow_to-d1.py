# MOOSA with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
_base_ = ['./gmp_slowfast_epic-flow_to-d1.py', '../_base_/methods/moosa.py']

model = dict(
    cls_head=dict(loss_weight=0),
    objectives=[
        *_base_.model.objectives,
        _base_.moosa_heads,
        _base_.moosa[0],
        dict(_base_.moosa[1], num_parts=2),
        *_base_.moosa[2:],
    ])
