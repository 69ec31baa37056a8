# DANN: a discriminator of source and target on the concatenated features, behind a gradient reversal. A weight of 1 is
# usual.
#
# section: Adaptation
# method: [DANN](methods/dann.md), Ganin et al., JMLR 2016
# table: Boomda, comparison
# differs: half of the paper's domain loss, as in TLLib
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[*_base_.model.objectives, dict(type='mmda_ext.DANN', loss_weight=_base_.strengths.get('dann', 1.0))])
