# Strong: heads, all of which predict, with Mixup and averaged weights: the row to beat besides ERM.
#
# section: Strong simple rows
# method: strong: heads, Mixup and EMA of the weights; a search switches the last two
# code: as of `heads`, `mixup` and `ema`
# needs: inputs that are numbers (no token ids); memory for a second model
# keeps: raw and averaged weights; `AveragedWeightsHook`
# differs: decay 0.99
_base_ = ['./erm.py', '../_base_/objectives/strong_terms.py']

model = dict(objectives=[_base_.heads_term], **_base_.strong_model)
default_hooks = _base_.strong_hooks
search = _base_.strong_search
