# DALN: the classifier as its own critic, by the nuclear norm of its predictions.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.DALN')])
