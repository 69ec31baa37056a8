# RNA-Net with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
_base_ = ['./gmp.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.RelativeNormAlignment', loss_weight=1.0)])
