# UPGrad: each gradient projected onto the cone that harms no task.
# Over classification and the adversarial loss, or, on a dataset with an unlabelled target, Boomda's alignment losses.
#
# section: Balancers of any losses
# method: [UPGrad](methods/upgrad.md), Quinton and Rey, arXiv 2406.16232
# differs: on Boomda's losses the same as `uniform`
_base_ = ['./{{$MMDA_LOSSES:base}}.py']

optim_wrapper = dict(
    _base_.optim_wrapper,
    _delete_=True,
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.UPGrad', **_base_.balanced))
