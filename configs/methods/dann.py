# DANN: a discriminator of source and target on the concatenated features, behind a gradient reversal. A weight of 1 is
# usual.
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[*_base_.model.objectives, dict(type='mmda_ext.DANN', loss_weight=_base_.strengths.get('dann', 1.0))])
