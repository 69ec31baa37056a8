# JAN: joint maximum mean discrepancy of all modalities and the fused class probabilities.
#
# section: Adaptation
# method: [JAN](methods/jan.md), Long et al., ICML 2017
# needs: target logits
# differs: layers are modalities
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.JAN')])
