# MADA: one discriminator for each class.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.MADA', num_classes=_base_.num_classes)])
