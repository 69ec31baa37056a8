# Balanced correlation alignment alone: Boomda without pseudo labels.
_base_ = ['./boomda.py']

_bottleneck, _pseudo_label, _alignment = _base_.model.objectives
model = dict(objectives=[_bottleneck, _alignment])
