# For small networks on ready-made features.
_base_ = ['./adam_20e.py']

train_cfg = dict(max_epochs=20)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
