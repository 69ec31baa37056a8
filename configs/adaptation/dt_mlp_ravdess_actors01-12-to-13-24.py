# Direct transfer: the information-bottleneck loss on the source; nothing reads the target samples of a batch.
_base_ = [
    '../_base_/models/mlp_ravdess.py',
    '../_base_/datasets/features_ravdess_actors01-12-to-13-24.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

model = dict(
    cls_head=dict(num_classes=8),
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
    ])
auto_scale_lr = dict(base_batch_size=32)
