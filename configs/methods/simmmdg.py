# SimMMDG. Where encoders train as a whole, the splitting needs a bound: their features grow until only it counts.
_base_ = ['./erm.py', '../_base_/objectives/simmmdg_terms.py']

_margin = _base_.strengths.get('splitting_margin')
model = dict(objectives=[*_base_.simmmdg[:-1], dict(_base_.simmmdg[-1], margin=_margin)])
