# RNA-Net: equal mean norms of the modalities' features.
_base_ = ['./erm.py']

model = dict(objectives=[dict(type='mmda_ext.RelativeNormAlignment', loss_weight=1.0)])
