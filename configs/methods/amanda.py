# Amanda, our reading of its abstract: logarithms of the alignment losses, source samples weighted by class shift.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.Amanda', alpha2=0.1)])
