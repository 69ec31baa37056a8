# Pseudo labels alone.
_base_ = ['./dt_al_iemocap.py']

model = dict(objectives=[{{_base_.bottleneck}}, {{_base_.pseudo_label}}])
