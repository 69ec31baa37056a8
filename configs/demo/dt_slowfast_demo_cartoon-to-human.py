# Direct transfer: the information-bottleneck loss on the source; the target is never seen.
_base_ = [
    '../_base_/models/slowfast-tiny_resnet18-tiny.py',
    '../_base_/datasets/demo_cartoon-to-human.py',
    '../_base_/schedules/adam_demo.py',
    '../_base_/default_runtime.py',
]

model = dict(
    cls_head=dict(num_classes=5),
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
    ])
# The batch has eight source samples, as that of Boomda, which adds eight of the target.
train_cfg = dict(max_epochs=10)
auto_scale_lr = dict(base_batch_size=8)
