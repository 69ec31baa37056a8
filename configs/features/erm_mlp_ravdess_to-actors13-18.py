# ERM: the fused classification loss alone.
_base_ = [
    '../_base_/models/mlp_ravdess.py',
    '../_base_/datasets/features_ravdess_to-actors13-18.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=8))
