# Strong, with GMP.
#
# section: Strong simple rows
# method: with GMP
# needs: and of GMP
# differs: as above
_base_ = ['./gmp.py', '../_base_/objectives/strong_terms.py']

model = dict(objectives=[*_base_.model.objectives, _base_.heads_term], **_base_.strong_model)
default_hooks = _base_.strong_hooks
search = _base_.strong_search
