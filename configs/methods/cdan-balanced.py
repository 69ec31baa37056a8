# CDAN for each modality and for all of them together, balanced as Boomda balances its alignment losses.
#
# section: Adaptation
# method: CDAN for each modality, balanced by Boomda's closed form
# code: with `MGDA`
# needs: target logits of each modality
# keeps: as above
# differs: in no paper
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.CDAN', num_classes=_base_.num_classes, placement='both', balanced=True),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
