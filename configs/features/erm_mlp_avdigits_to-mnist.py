# ERM: the fused classification loss alone.
_base_ = [
    '../_base_/models/mlp_avdigits.py',
    '../_base_/datasets/features_avdigits_to-mnist.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=10))
