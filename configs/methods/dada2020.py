# DADA (Tang and Jia, AAAI 2020): a classifier with one more output for the target domain, after pre-training.
#
# section: Adaptation
# method: [DADA 2020](methods/dada2020.md), Tang and Jia, AAAI 2020
# needs: target logits; half of the training on the source
# differs: one backward pass
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.DADA2020', ramp=dict(start=0.5))])
