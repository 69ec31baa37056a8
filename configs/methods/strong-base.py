# Strong, with Base: what a domain adversary adds.
#
# section: Strong simple rows
# method: with Base
# needs: and of Base
# differs: as above
_base_ = ['./base.py', '../_base_/objectives/strong_terms.py']

model = dict(objectives=[*_base_.model.objectives, _base_.heads_term], **_base_.strong_model)
default_hooks = _base_.strong_hooks
search = _base_.strong_search
