# DRB: encoders that overfit go back towards their initial weights.
#
# section: Balancing strategies
# method: [DRB](methods/drb.md), Wei, Li, Feng, Hu, ECCV 2024
# code: `engine/diagnosis.py`
# needs: features of training and source validation
# cost: and a pass over the training set for each diagnosis
# keeps: first weights; `DiagnosingRelearningHook`
# table: GMP 2
# differs: interval scaled to 20 epochs
_base_ = ['./base.py']

custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.DiagnosingRelearningHook', interval=5, times=3, scale=3.0)]
