# Direct transfer: the losses of the source alone; nothing reads samples of the target.
_base_ = ['./erm.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
    ])
