# Deep CORAL: covariances of the concatenated features.
#
# section: Adaptation
# method: [Deep CORAL](methods/deep_coral.md), Sun and Saenko, ECCV workshops 2016
# needs: two samples of each domain
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.CorrelationAlignment', alpha2=1.0, normalize='deep_coral', objectives='fused'),
    ])
