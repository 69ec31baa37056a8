# DALN: the classifier as its own critic, by the nuclear norm of its predictions.
#
# section: Adaptation
# method: [DALN](methods/daln.md), Chen et al., CVPR 2022
# needs: target logits
# table: Boomda, comparison
# differs: each norm over its own number of samples
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.DALN')])
