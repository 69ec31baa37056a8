# Boomda with what the same authors' public code (A3D2) does where the paper is silent or says otherwise: rows of length
# 1, factor 1 / (4 d^2), mixed precision, the last checkpoint. Alignment has next to no effect so: docs/methods/mgda.md.
_base_ = ['./boomda_avl_msp-improv.py']

_unit_rows = dict(projection=dict(l2=True))
model = dict(
    backbones=dict(speech=_unit_rows, face=_unit_rows, text=_unit_rows),
    objectives=[
        {{_base_.bottleneck}},
        {{_base_.pseudo_label}},
        dict(type='mmda_ext.CorrelationAlignment', alpha2=0.1, normalize='deep_coral'),
    ])
# bfloat16: WavLM can overflow in float16.
optim_wrapper = dict(type='mmda_ext.AmpBalancedOptimWrapper', dtype='bfloat16')
default_hooks = dict(checkpoint=dict(save_best=None))
