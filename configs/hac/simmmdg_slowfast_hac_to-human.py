# SimMMDG.
_base_ = ['./erm_slowfast_hac_to-human.py', '../_base_/methods/simmmdg.py']

model = dict(objectives=_base_.simmmdg)
