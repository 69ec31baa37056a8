# Amanda, our reading of its abstract: logarithms of the alignment losses, source samples weighted by class shift.
#
# section: Adaptation
# method: [Amanda](methods/amanda.md), Zhang et al., ACL Findings 2024
# needs: source labels and logits
# differs: **our reading of the abstract**
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.Amanda', alpha2=0.1)])
