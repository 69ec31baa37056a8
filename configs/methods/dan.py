# DAN: maximum mean discrepancy of the concatenated features, five Gaussian kernels, unbiased.
#
# section: Adaptation
# method: [DAN](methods/dan.md), Long et al., ICML 2015
# needs: two samples of each domain
# differs: equal weights for the kernels
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.MKMMD')])
