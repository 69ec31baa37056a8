# ERM: the fused classification loss alone.
_base_ = [
    '../_base_/models/slowfast-tiny_resnet18-tiny.py',
    '../_base_/datasets/demo-epic_to-d1.py',
    '../_base_/schedules/adam_demo.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=5))
