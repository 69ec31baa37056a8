# SimMMDG with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from epic/simmmdg-gmp_slowfast_epic-flow_to-d1.py
_base_ = ['./gmp_slowfast_epic-flow_to-d2.py', '../_base_/methods/simmmdg.py']

model = dict(objectives=[*_base_.model.objectives, *_base_.simmmdg])
