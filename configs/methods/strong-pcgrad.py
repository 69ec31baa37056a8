# Strong, with PCGrad.
#
# section: Strong simple rows
# method: with PCGrad
# needs: and of PCGrad
# differs: as above
_base_ = ['./pcgrad.py', '../_base_/objectives/strong_terms.py']

model = dict(objectives=[*_base_.model.objectives, _base_.heads_term], **_base_.strong_model)
default_hooks = _base_.strong_hooks
search = _base_.strong_search
