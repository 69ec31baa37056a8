# Pseudo labels alone.
_base_ = ['./dt_vl_msp-improv.py']

model = dict(objectives=[{{_base_.bottleneck}}, {{_base_.pseudo_label}}])
