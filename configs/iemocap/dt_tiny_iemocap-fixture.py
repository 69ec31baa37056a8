# Direct transfer with tiny encoders on the fake release of docs/emotion_data.md: that all runs, not what it is worth.
_base_ = [
    '../_base_/models/emotion-tiny.py',
    '../_base_/datasets/iemocap-fixture.py',
    '../_base_/objectives/boomda.py',
    '../_base_/schedules/adam_emotion.py',
    '../_base_/default_runtime.py',
]

model = dict(objectives=[{{_base_.bottleneck}}])
# As the whole schedule: the first half at a constant rate, then down to 0.
train_cfg = dict(max_epochs=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=1, end=2, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=1))
auto_scale_lr = dict(base_batch_size=16)
