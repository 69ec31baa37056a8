# Strong, with the terms of SimMMDG, whose contrast needs one label of a sample: without Mixup.
#
# section: Strong simple rows
# method: with SimMMDG's terms
# needs: and of SimMMDG
# differs: without Mixup
_base_ = ['./simmmdg.py', '../_base_/objectives/strong_terms.py']

model = dict(predictor='all', objectives=[*_base_.model.objectives, _base_.heads_term])
default_hooks = _base_.strong_hooks
search = {'default_hooks.average.begin': _base_.strong_search['default_hooks.average.begin']}
