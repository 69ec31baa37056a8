# CDAN: as DANN, on the product of features and class probabilities.
#
# section: Adaptation
# method: [CDAN](methods/cdan.md), Long et al., NeurIPS 2018
# needs: target logits
# keeps: random maps, if wide
# table: Boomda, comparison
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.CDAN', num_classes=_base_.num_classes)])
