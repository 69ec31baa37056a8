# Dynamic weight average: more weight for the loss that falls slowly.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers that learn or read losses
# method: [DWA](methods/dwa.md), Liu, Johns, Davison, CVPR 2019
# needs: losses of two epochs
# keeps: means of two epochs
# differs: weights the encoders' gradients, not the heads'
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.DWA', temperature=2.0, **_base_.balanced))
