# DDC: distance of the means of the concatenated features.
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.MKMMD', kernel='linear', estimator='biased', loss_weight=0.25),
    ])
