# CDAN+E: samples that the classifier is sure of count more.
#
# section: Adaptation
# method: CDAN+E
# code: the same
# needs: target logits
# keeps: as above
# differs: entropy weights pass on no gradient
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.CDAN', num_classes=_base_.num_classes, entropy=True),
    ])
