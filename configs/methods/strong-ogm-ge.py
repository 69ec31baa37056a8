# Strong, with OGM-GE.
#
# section: Strong simple rows
# method: with OGM-GE
# needs: and of OGM-GE
# differs: as above
_base_ = ['./ogm-ge.py', '../_base_/objectives/strong_terms.py']

model = dict(objectives=[*_base_.model.objectives, _base_.heads_term], **_base_.strong_model)
default_hooks = _base_.strong_hooks
search = _base_.strong_search
