# ERM: the fused classification loss alone.
_base_ = [
    '../_base_/models/slowfast-r101_resnet18_slowonly-r50.py',
    '../_base_/datasets/hac-flow_to-animal.py',
    '../_base_/schedules/adam_20e.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=7))
