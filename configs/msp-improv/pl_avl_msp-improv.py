# Pseudo labels alone.
_base_ = ['./dt_avl_msp-improv.py']

model = dict(objectives=[{{_base_.bottleneck}}, {{_base_.pseudo_label}}])
