# LFM: the mean of the modalities' logits classifies, and their predictions are drawn together;
# a curve over the training says which counts more.
#
# section: Balancing strategies
# method: [LFM](methods/lfm.md), Yang et al., NeurIPS 2024, its fitted curve
# code: `ModalityGap`: `models/objectives/modality_gap.py`
# needs: two modalities
# differs: the curve is over the share of the training; the variant that learns the weight is left out
_base_ = ['./erm.py']

model = dict(
    cls_head=dict(loss_weight=0.0), predictor='modalities', objectives=[dict(type='mmda_ext.ModalityGap')])
