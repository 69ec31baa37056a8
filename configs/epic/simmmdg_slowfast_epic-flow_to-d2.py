# SimMMDG.
# Written by tools/spread_recipes.py from epic/simmmdg_slowfast_epic-flow_to-d1.py
_base_ = ['./erm_slowfast_epic-flow_to-d2.py', '../_base_/methods/simmmdg.py']

model = dict(objectives=_base_.simmmdg)
