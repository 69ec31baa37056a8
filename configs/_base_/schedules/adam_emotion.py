# The paper gives Adam with 1e-3, no epochs and no schedule. At that rate the blocks of pre-trained encoders forget what
# they know, so the rest is that of the same authors' public code (A3D2): 5e-5 for those blocks, weight decay for the
# heads only, 4 epochs at a constant rate, 4 in which it falls to 0.
_base_ = ['./adam_20e.py']

train_cfg = dict(max_epochs=8)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=1e-4),
    paramwise_cfg=dict(
        custom_keys={
            'backbones': dict(decay_mult=0.),
            'encoder.model': dict(lr_mult=0.05, decay_mult=0.)
        }))
param_scheduler = [
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=4, end=8, convert_to_iter_based=True),
]

auto_scale_lr = dict(base_batch_size=96)
