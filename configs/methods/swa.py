# SWA: the mean of the weights over the second half of the training is validated, selected and tested.
#
# section: Multimodal domain generalization
# method: SWA, Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, UAI 2018, on ERM
# code: `AveragedWeightsHook`: `engine/hooks/averaged_weights_hook.py`
# needs: memory for a second model
# keeps: raw and averaged weights; `AveragedWeightsHook`
# differs: each step counts, not one in an epoch; the rate follows the schedule of the data; statistics of BatchNorm are
#     averaged, not computed anew
_base_ = ['./erm.py']

default_hooks = dict(average=dict(
    type='mmda_ext.AveragedWeightsHook', ema_type='StochasticWeightAverage', begin=0.5))
