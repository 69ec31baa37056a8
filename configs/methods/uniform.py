# Alignment without balancing: all objectives weigh 1 / (M + 1). Its strength is searched like that of Boomda.
#
# section: Boomda's rows
# row: both, not balanced
# what it is: equal weights `1 / (M + 1)`
# table: Boomda, ablation
_base_ = ['./boomda.py']

_bottleneck, _pseudo_label, _alignment = _base_.model.objectives
_strength = _base_.strengths.get('uniform', _alignment.alpha2)
model = dict(objectives=[_bottleneck, _pseudo_label, dict(_alignment, alpha2=_strength)])
optim_wrapper = dict(balancer=dict(solver='uniform'))
