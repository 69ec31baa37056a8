# SimMMDG with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
# Written by tools/spread_recipes.py from hac/simmmdg-gmp_slowfast_hac_to-human.py
_base_ = ['./gmp_slowfast_hac_to-animal.py', '../_base_/methods/simmmdg.py']

model = dict(objectives=[*_base_.model.objectives, *_base_.simmmdg])
