# SimMMDG.
# Written by tools/spread_recipes.py from hac/simmmdg_slowfast_hac_to-human.py
_base_ = ['./erm_slowfast_hac_to-animal.py', '../_base_/methods/simmmdg.py']

model = dict(objectives=_base_.simmmdg)
