# SimMMDG.
_base_ = ['./erm_slowfast_epic-flow_to-d1.py', '../_base_/methods/simmmdg.py']

model = dict(objectives=_base_.simmmdg)
