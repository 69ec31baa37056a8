# MDAN: each source domain against the target. The cross-entropy of the classifier is in the objective.
#
# section: Adaptation
# method: [MDAN](methods/mdan.md), Zhao et al., NeurIPS 2018
# needs: two source domains
# differs: means instead of sums
_base_ = ['../_base_/adaptation.py']

model = dict(
    cls_head=dict(loss_weight=0.),
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.MDAN', num_domains=len(_base_.source_domains)),
    ])
