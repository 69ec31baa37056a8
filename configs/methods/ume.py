# UME: an encoder and a linear class head for each modality, trained apart; log-probabilities of the heads are summed.
#
# section: Strong simple rows
# method: UME, Du et al., ICML 2023: each modality learns alone, all of them predict
# code: `LocalClassification`: `models/objectives/local_classification.py`, `predictor` of the recognizer:
#     `models/predictors.py`
# differs: one training, in which no gradient passes from one modality to another; one epoch is selected for all;
#     log-probabilities, not probabilities, are averaged (`tools/analysis/ensemble.py` joins separate trainings either
#     way)
_base_ = ['./heads.py']

model = dict(cls_head=dict(loss_weight=0.0), predictor='modalities')
