# ERM on incomplete samples: with probability 0.3 the fusion gets zeros in the place of one modality's features.
#
# section: Balancing strategies
# method: ERM with modality dropout, after ModDrop (Neverova, Wolf, Taylor, Nebout, TPAMI 2016)
# code: `ModalityDropout`: `models/modality_dropout.py`
# needs: two modalities
# differs: at most one modality of a sample, at the fusion; the others are not scaled
_base_ = ['./erm.py']

model = dict(cls_head=dict(feature_dropout=dict(type='mmda_ext.ModalityDropout', p=0.3)))
