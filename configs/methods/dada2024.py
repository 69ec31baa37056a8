# DADA (Ren et al., AAAI 2024), adapted: a discriminator of source, target and their mixture.
#
# section: Adaptation
# method: [DADA 2024](methods/dada2024.md), Ren et al., AAAI 2024, adapted
# needs: source labels
# table: Boomda, comparison (DADA)
# differs: the paper learns a metric with proxies: an adaptation of its loss
_base_ = ['../_base_/adaptation.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.DADA2024', num_classes=_base_.num_classes)])
