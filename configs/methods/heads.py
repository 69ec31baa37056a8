# Heads: a linear class head for each modality beside the fused one; the log-probabilities of all are summed.
#
# section: Strong simple rows
# method: heads: classification by each modality and by all; log-probabilities of all heads summed
# code: `LocalClassification`: `models/objectives/local_classification.py`, `predictor` of the recognizer:
#     `models/predictors.py`
# differs: weight 1 for each cross-entropy
_base_ = ['./erm.py']

model = dict(
    predictor='all',
    objectives=[dict(type='mmda_ext.LocalClassification', task='heads', loss_weight=1.0, balanced_heads=False)])
