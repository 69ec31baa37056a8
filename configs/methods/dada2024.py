# DADA (Ren et al., AAAI 2024), adapted: a discriminator of source, target and their mixture.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.DADA2024', num_classes=_base_.num_classes)])
