# EMA: the exponential moving average of the weights is validated, selected and tested. Any other method has it with
# --cfg-options default_hooks.average.type=mmda_ext.AveragedWeightsHook default_hooks.average.momentum=0.001
#
# section: Multimodal domain generalization
# method: EMA of the weights, on ERM
# code: `AveragedWeightsHook`: `engine/hooks/averaged_weights_hook.py`
# needs: memory for a second model
# keeps: raw and averaged weights; `AveragedWeightsHook`
# differs: statistics of BatchNorm are averaged too
_base_ = ['./erm.py']

# The weight of the new value: decay 0.999.
default_hooks = dict(average=dict(type='mmda_ext.AveragedWeightsHook', momentum=0.001))
