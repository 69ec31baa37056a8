# DADA (Tang and Jia, AAAI 2020): a classifier with one more output for the target domain, after pre-training.
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.DADA2020', ramp=dict(start=0.5))])
