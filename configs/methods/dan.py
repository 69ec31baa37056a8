# DAN: maximum mean discrepancy of the concatenated features, five Gaussian kernels, unbiased.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.MKMMD')])
