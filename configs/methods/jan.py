# JAN: joint maximum mean discrepancy of all modalities and the fused class probabilities.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.JAN')])
