# Boomda with what the same authors' public code (A3D2) does where the paper is silent or says otherwise: rows of length
# 1 (of encoders that have a projection), factor 1 / (4 d^2), mixed precision, the last checkpoint. Alignment has next
# to no effect so: docs/methods/mgda.md.
#
# section: Boomda's rows
# row: the same authors' other code
# what it is: unit rows, `1 / (4 d^2)`, mixed precision, last checkpoint
_base_ = ['./boomda.py']

_bottleneck, _pseudo_label, _ = _base_.model.objectives
model = dict(
    backbones={
        name: dict(projection=dict(l2=True)) for name, own in _base_.model.backbones.items() if 'projection' in own
    },
    objectives=[
        _bottleneck,
        _pseudo_label,
        dict(type='mmda_ext.CorrelationAlignment', alpha2=0.1, normalize='deep_coral'),
    ])
# bfloat16: WavLM can overflow in float16.
optim_wrapper = dict(type='mmda_ext.AmpBalancedOptimWrapper', dtype='bfloat16')
default_hooks = dict(checkpoint=dict(save_best=None))
