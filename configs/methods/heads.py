# Heads: a linear class head for each modality beside the fused one; the log-probabilities of all are summed.
#
# section: Strong simple rows
# method: heads: classification by each modality and by all; log-probabilities of all heads summed
# code: `LocalClassification`: `models/objectives/local_classification.py`, `predictor` of the recognizer:
#     `models/predictors.py`
# differs: weight 1 for each cross-entropy
_base_ = ['./erm.py', '../_base_/objectives/strong_terms.py']

model = dict(predictor='all', objectives=[_base_.heads_term])
