# Balanced correlation alignment alone: Boomda without pseudo labels.
#
# section: Boomda's rows
# row: balanced alignment only
# what it is: correlation alignment, closed form
# table: Boomda, ablation
_base_ = ['./boomda.py']

_bottleneck, _pseudo_label, _alignment = _base_.model.objectives
model = dict(objectives=[_bottleneck, _alignment])
