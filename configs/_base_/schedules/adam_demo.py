# Short: what a CPU with two cores trains in about two minutes.
_base_ = ['./adam_20e.py']

train_cfg = dict(max_epochs=15)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
