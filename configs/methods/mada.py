# MADA: one discriminator for each class.
#
# section: Adaptation
# method: [MADA](methods/mada.md), Pei et al., AAAI 2018
# needs: target logits
# table: Boomda, comparison
# differs: mean over the classes: the release is 0.3 C times stronger
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.MADA', num_classes=_base_.num_classes)])
